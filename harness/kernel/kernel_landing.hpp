#pragma once

#include "gatecrash/event.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// Returns the vector of an event. The usual `irq` has the one that suits the kernel.
[[nodiscard]] std::uint8_t vector_of(const KernelFacts& facts, const vm::Event& event);

/// True if an event of this kind can land on a kernel.
[[nodiscard]] bool lands_on_kernels(const vm::Event& event);

/// Makes an event arrive now.
void land(KernelGuest& guest, const KernelFacts& facts, const vm::Event& event);

}  // namespace gatecrash::kernel
