#pragma once

#include "gatecrash/event.hpp"
#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// Returns the vector of an event on Linux. The usual `irq` is the reschedule IPI, whose handler does nothing without
/// work.
[[nodiscard]] std::uint8_t vector_of(const vm::Event& event);

/// Makes an event arrive now.
void land(KernelGuest& guest, const vm::Event& event);

}  // namespace gatecrash::kernel
