#include "sweep/check/kept_state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace gatecrash::sweep {

std::string changed_flags(std::uint64_t now, std::uint64_t then) {
    struct Flag {
        unsigned bit;
        const char* name;
    };
    static constexpr std::array flags{
        Flag{0, "CF"},  Flag{2, "PF"},  Flag{4, "AF"},   Flag{6, "ZF"},          Flag{7, "SF"},          Flag{8, "TF"},
        Flag{9, "IF"},  Flag{10, "DF"}, Flag{11, "OF"},  Flag{12, "IOPL bit 0"}, Flag{13, "IOPL bit 1"}, Flag{14, "NT"},
        Flag{17, "VM"}, Flag{18, "AC"}, Flag{19, "VIF"}, Flag{20, "VIP"},        Flag{21, "ID"}};
    std::vector<std::string> changed;
    for (const auto& flag : flags) {
        if (((now ^ then) >> flag.bit & 1) == 0) continue;
        changed.push_back(fmt::format("{} {}", flag.name, (now >> flag.bit & 1) != 0 ? "set" : "clear"));
    }
    return fmt::format("{}", fmt::join(changed, ", "));
}

std::string register_name(bool is_64_bit, std::string name) {
    if (!is_64_bit) name.front() = 'E';
    return name;
}

std::string changed_registers(const kvm_regs& before, const kvm_regs& after, bool is_64_bit) {
    constexpr auto of_stepper = vm::rflags_tf | vm::rflags_rf;
    std::string text;
    for (const auto& each : general_registers) {
        if (before.*each.value == after.*each.value) continue;
        text += fmt::format(" {}={:#x}", register_name(is_64_bit, each.name), after.*each.value);
    }
    if (((before.rflags ^ after.rflags) & ~of_stepper) != 0) {
        text += fmt::format(" {}={:#x}", register_name(is_64_bit, "RFLAGS"), after.rflags & ~of_stepper);
    }
    return text;
}

std::string describe_difference(std::size_t field, std::uint64_t now, std::uint64_t then) {
    const auto& described = kept_fields.at(field);
    return fmt::format("{} {:#x}, not {:#x}{}", described.name, now, then,
                       described.changes == nullptr ? "" : fmt::format(" ({})", described.changes(now, then)));
}

bool is_kernels_base(const vm::Guest& guest, std::uint64_t base) {
    return guest.image().is_64_bit() && !guest.image().is_user(vm::Virtual{base});
}

bool is_kernels_root(const vm::Guest& guest, std::uint64_t cr3) {
    return vm::Physical{cr3 & vm::cr3_address} != guest.memory().user_page_table_root();
}

KeptState kept_state(vm::Guest& guest) {
    // The other flags hold results, or belong to the stepper.
    constexpr auto system_flags =
        vm::rflags_if | vm::rflags_df | vm::rflags_iopl | vm::rflags_nt | vm::rflags_vm | vm::rflags_ac;
    const auto& sregs = guest.cpu().sregs();
    const bool has_bases = guest.image().is_64_bit();
    return {has_bases ? sregs.gs.base : 0,
            has_bases ? guest.kernel_gs_base() : 0,
            sregs.cr3,
            has_bases ? sregs.fs.base : 0,
            sregs.ds.selector,
            sregs.es.selector,
            sregs.fs.selector,
            sregs.gs.selector,
            guest.cpu().regs().rflags & system_flags};
}

}  // namespace gatecrash::sweep
