#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "gatecrash/explore/invariant.hpp"
#include "gatecrash/machine/machine.hpp"

namespace gatecrash::explore {

/// What code that was interrupted, or that called the kernel, must find again besides its general registers.
struct KeptField {
    const char* name;
    Invariant invariant;  ///< broken if it does not
    /// Whether the value can only be the kernel's; null if that cannot be told.
    bool (*is_kernels)(const machine::Machine& machine, std::uint64_t value) = nullptr;
};
[[nodiscard]] bool is_kernels_base(const machine::Machine& machine, std::uint64_t base);
[[nodiscard]] bool is_kernels_root(const machine::Machine& machine, std::uint64_t cr3);

constexpr std::array kept_fields{KeptField{"GS base", Invariant::kernel_gs, is_kernels_base},
                                 KeptField{"KERNEL_GS_BASE", Invariant::kernel_gs},
                                 KeptField{"CR3", Invariant::page_tables, is_kernels_root},
                                 KeptField{"FS base", Invariant::round_trip},
                                 KeptField{"DS", Invariant::round_trip},
                                 KeptField{"ES", Invariant::round_trip},
                                 KeptField{"FS", Invariant::round_trip},
                                 KeptField{"GS", Invariant::round_trip},
                                 KeptField{"system flags", Invariant::round_trip}};

/// Fields that kernel code, too, must find again whatever its entry and exit code is about to do with them.
constexpr std::size_t fields_kept_for_kernel = 3;

/// The values of kept_fields. Bases are 0 in 32-bit guests, where they follow from the selectors.
using KeptState = std::array<std::uint64_t, kept_fields.size()>;

/// Returns the current state of the machine.
[[nodiscard]] KeptState kept_state(machine::Machine& machine);

/// "GS base 0x1000, not 0x2000". `field` is an index of kept_fields.
[[nodiscard]] std::string describe_difference(std::size_t field, std::uint64_t now, std::uint64_t then);

/// "NT set, IF clear": the flags of `now` that differ from `then` (SDM volume 1, figure 3-8).
[[nodiscard]] std::string changed_flags(std::uint64_t now, std::uint64_t then);

}  // namespace gatecrash::explore
