#include "kernel/end_state.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "sweep/check/kept_state.hpp"
#include "vm/state/control_state.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Invariant;

struct Field {
    const char* name;
    Invariant invariant;
    std::uint64_t (*of)(const kvm_sregs&);
};
constexpr std::array fields{
    Field{"GS base", Invariant::kernel_gs, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.gs.base; }},
    Field{"CR3", Invariant::page_tables, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.cr3; }},
    Field{"FS base", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.fs.base; }},
    Field{"CS", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.cs.selector; }},
    Field{"SS", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.ss.selector; }},
    Field{"DS", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.ds.selector; }},
    Field{"ES", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.es.selector; }},
    Field{"FS", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.fs.selector; }},
    Field{"GS", Invariant::round_trip, [](const kvm_sregs& sregs) -> std::uint64_t { return sregs.gs.selector; }},
};

std::string changed(const char* name, std::uint64_t now, std::uint64_t then) {
    return fmt::format("at the end of the window {} is {:#x}, and {:#x} without events", name, now, then);
}

}  // namespace

std::vector<sweep::Violation> compare_ends(const CpuState& now, const CpuState& then) {
    std::vector<sweep::Violation> found;
    const auto compare = [&](Invariant invariant, const char* name, std::uint64_t is, std::uint64_t was) {
        if (is != was) found.push_back({invariant, changed(name, is, was)});
    };
    for (const auto& field : fields) compare(field.invariant, field.name, field.of(now.sregs), field.of(then.sregs));
    compare(Invariant::round_trip, "RIP", now.regs.rip, then.regs.rip);
    for (const auto& [name, value] : sweep::general_registers)
        compare(Invariant::round_trip, name, now.regs.*value, then.regs.*value);
    constexpr auto ignored = vm::rflags_rf;
    if (const auto flags = sweep::changed_flags(now.regs.rflags & ~ignored, then.regs.rflags & ~ignored);
        !flags.empty())
        found.push_back(
            {Invariant::round_trip, "the flags of the program differ from the run without events: " + flags});
    if (now.events.nmi.masked != then.events.nmi.masked)
        found.push_back({Invariant::nmi_mask, "NMIs are masked at the end of the window"});
    if (now.events.nmi.pending != then.events.nmi.pending)
        found.push_back({Invariant::nmi_mask, "an NMI still waits at the end of the window"});
    return found;
}

std::optional<sweep::Violation> compare_fpu(const kvm_fpu& now, const kvm_fpu& then) {
    if (std::memcmp(&now, &then, sizeof now) == 0) return std::nullopt;
    std::string name = "a control register of the FPU";
    for (std::size_t i = 0; i < std::size(now.xmm); ++i) {
        if (std::memcmp(now.xmm[i], then.xmm[i], sizeof now.xmm[i]) != 0) name = fmt::format("XMM{}", i);
    }
    for (std::size_t i = 0; i < std::size(now.fpr); ++i) {
        if (std::memcmp(now.fpr[i], then.fpr[i], sizeof now.fpr[i]) != 0) name = fmt::format("ST{}", i);
    }
    return sweep::Violation{Invariant::round_trip,
                            "at the end of the window the program has another " + name + " than without events"};
}

std::vector<sweep::Violation> compare_controls(const CpuState& now, const CpuState& then,
                                               const kvm_lapic_state& apic_now, const kvm_lapic_state& apic_then) {
    std::vector<sweep::Violation> found;
    const vm::ControlState is{now.sregs, now.msrs, now.debug_registers};
    const vm::ControlState was{then.sregs, then.msrs, then.debug_registers};
    for (const auto& [name, value, expected] : vm::differences(is, was))
        found.push_back({Invariant::round_trip, changed(name, value, expected)});
    if (now.msrs.kernel_gs_base != then.msrs.kernel_gs_base)
        found.push_back(
            {Invariant::kernel_gs, changed("KERNEL_GS_BASE", now.msrs.kernel_gs_base, then.msrs.kernel_gs_base)});
    if (has_interrupt(apic_now) && !has_interrupt(apic_then)) {
        found.push_back({Invariant::event_conservation,
                         "the local APIC still has an interrupt that waits, or that nobody has acknowledged"});
    } else if (std::memcmp(&apic_now, &apic_then, sizeof apic_now) != 0) {
        found.push_back({Invariant::round_trip, "the registers of the local APIC differ from the run without events"});
    }
    return found;
}

}  // namespace gatecrash::kernel
