#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sweep/check/invariant.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// A general register. `name` is its name in a 64-bit guest.
struct GeneralRegister {
    const char* name;
    __u64 kvm_regs::*value;
};
inline constexpr std::array general_registers{
    GeneralRegister{"RSP", &kvm_regs::rsp}, GeneralRegister{"RAX", &kvm_regs::rax},
    GeneralRegister{"RBX", &kvm_regs::rbx}, GeneralRegister{"RCX", &kvm_regs::rcx},
    GeneralRegister{"RDX", &kvm_regs::rdx}, GeneralRegister{"RSI", &kvm_regs::rsi},
    GeneralRegister{"RDI", &kvm_regs::rdi}, GeneralRegister{"RBP", &kvm_regs::rbp},
    GeneralRegister{"R8", &kvm_regs::r8},   GeneralRegister{"R9", &kvm_regs::r9},
    GeneralRegister{"R10", &kvm_regs::r10}, GeneralRegister{"R11", &kvm_regs::r11},
    GeneralRegister{"R12", &kvm_regs::r12}, GeneralRegister{"R13", &kvm_regs::r13},
    GeneralRegister{"R14", &kvm_regs::r14}, GeneralRegister{"R15", &kvm_regs::r15}};
/// Returns the name of the register that is `name` in a 64-bit guest: EAX for RAX in a 32-bit guest.
[[nodiscard]] std::string register_name(bool is_64_bit, std::string name);

/// Lists the registers that differ, such as " RAX=0x1 RFLAGS=0x46"; empty if none do. Leaves out RF and TF, which a
/// stepper changes itself.
[[nodiscard]] std::string changed_registers(const kvm_regs& before, const kvm_regs& after, bool is_64_bit = true);

/// Lists the flags of `now` that differ from `then`, such as "NT set, IF clear" (SDM volume 1, figure 3-8).
[[nodiscard]] std::string changed_flags(std::uint64_t now, std::uint64_t then);

/// A value, besides the general registers, that interrupted code or a caller of the kernel must find unchanged.
struct KeptField {
    const char* name;
    Invariant invariant;  ///< the rule that a change breaks
    /// True if the value can only be the kernel's; null if a value cannot show that.
    bool (*is_kernels)(const vm::Guest& guest, std::uint64_t value) = nullptr;
    /// Describes how the value changed; null if the two values show it.
    std::string (*changes)(std::uint64_t now, std::uint64_t then) = nullptr;
};
[[nodiscard]] bool is_kernels_base(const vm::Guest& guest, std::uint64_t base);
[[nodiscard]] bool is_kernels_root(const vm::Guest& guest, std::uint64_t cr3);

inline constexpr std::array kept_fields{KeptField{"GS base", Invariant::kernel_gs, is_kernels_base},
                                        KeptField{"KERNEL_GS_BASE", Invariant::kernel_gs},
                                        KeptField{"CR3", Invariant::page_tables, is_kernels_root},
                                        KeptField{"FS base", Invariant::round_trip},
                                        KeptField{"DS", Invariant::round_trip},
                                        KeptField{"ES", Invariant::round_trip},
                                        KeptField{"FS", Invariant::round_trip},
                                        KeptField{"GS", Invariant::round_trip},
                                        KeptField{"system flags", Invariant::round_trip, nullptr, changed_flags}};

/// The number of kept_fields, from the first on, that interrupted kernel code must find unchanged. The others may
/// change in the middle of entry and exit code.
constexpr std::size_t fields_kept_for_kernel = 3;

/// The values of kept_fields. Bases are 0 in 32-bit guests, where the selectors determine them.
using KeptState = std::array<std::uint64_t, kept_fields.size()>;

/// Returns the current state of the guest.
[[nodiscard]] KeptState kept_state(vm::Guest& guest);

/// Describes how one field changed, such as "GS base 0x1000, not 0x2000". `field` is an index of kept_fields.
[[nodiscard]] std::string describe_difference(std::size_t field, std::uint64_t now, std::uint64_t then);

}  // namespace gatecrash::sweep
