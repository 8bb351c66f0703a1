// The frame that a CPU pushes when it delivers an exception or an interrupt.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

struct DeliveryFrame {
    vm::Virtual address;      ///< of RIP, its lowest word
    std::uint64_t word_size;  ///< bytes
    std::uint64_t rip;
    std::uint64_t interrupted_rsp;
    std::optional<std::uint64_t> error_code;

    [[nodiscard]] vm::Virtual flags() const { return vm::Virtual{number(address) + 2 * word_size}; }
};

/// Returns the frame of `vector`, which the CPU has just delivered: RSP is where the delivery has left it. Words that
/// are not mapped count as 0.
[[nodiscard]] DeliveryFrame pushed_frame(KernelGuest& guest, std::uint8_t vector);

}  // namespace gatecrash::kernel
