#include "kernel/end_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "sweep/check/kept_state.hpp"
#include "vm/state/control_state.hpp"
#include "vm/state/cpu_mode.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Invariant;

struct SegmentRegister {
    const char* name;
    kvm_segment kvm_sregs::*segment;
};
constexpr std::array segment_registers{SegmentRegister{"CS", &kvm_sregs::cs}, SegmentRegister{"SS", &kvm_sregs::ss},
                                       SegmentRegister{"DS", &kvm_sregs::ds}, SegmentRegister{"ES", &kvm_sregs::es},
                                       SegmentRegister{"FS", &kvm_sregs::fs}, SegmentRegister{"GS", &kvm_sregs::gs}};

/// True if base and limit count. In long mode all segments but FS and GS are flat. In legacy mode a null selector
/// leaves both undefined, and code cannot use them.
bool has_base_and_limit(const kvm_sregs& sregs, const kvm_segment& segment) {
    constexpr std::uint16_t level = 3;
    return !vm::is_long_mode(sregs) && (segment.selector & ~level) != 0;
}

/// Returns the base of FS or GS. In long mode it does not depend on the selector.
std::uint64_t base_of(const kvm_sregs& sregs, const kvm_segment& segment) {
    return vm::is_long_mode(sregs) || has_base_and_limit(sregs, segment) ? segment.base : 0;
}

std::string changed(const std::string& name, std::uint64_t now, std::uint64_t then) {
    return fmt::format("at the end of the window {} is {:#x}, and {:#x} without events", name, now, then);
}

}  // namespace

std::vector<sweep::Violation> compare_ends(const CpuState& now, const CpuState& then) {
    std::vector<sweep::Violation> found;
    const bool is_long = vm::is_long_mode(then.sregs);
    using Name = std::string_view;
    const auto compare_part = [&](Invariant invariant, Name begin, Name end, std::uint64_t is, std::uint64_t was) {
        if (is != was) found.push_back({invariant, changed(fmt::format("{}{}", begin, end), is, was)});
    };
    const auto compare = [&](Invariant invariant, Name name, std::uint64_t is, std::uint64_t was) {
        compare_part(invariant, name, "", is, was);
    };
    compare(Invariant::kernel_gs, "GS base", base_of(now.sregs, now.sregs.gs), base_of(then.sregs, then.sregs.gs));
    compare(Invariant::page_tables, "CR3", now.sregs.cr3, then.sregs.cr3);
    // A kernel in legacy mode may keep its per-CPU data in FS.
    compare(is_long ? Invariant::round_trip : Invariant::kernel_gs, "FS base", base_of(now.sregs, now.sregs.fs),
            base_of(then.sregs, then.sregs.fs));
    for (const auto& [name, segment] : segment_registers) {
        const auto &is = now.sregs.*segment, &was = then.sregs.*segment;
        compare(Invariant::round_trip, name, is.selector, was.selector);
        if (is.selector != was.selector || !has_base_and_limit(then.sregs, was)) continue;
        const bool is_compared = segment == &kvm_sregs::fs || segment == &kvm_sregs::gs;
        if (!is_compared) compare_part(Invariant::round_trip, "the base of ", name, is.base, was.base);
        compare_part(Invariant::round_trip, "the limit of ", name, is.limit, was.limit);
    }
    const Name first_letter = is_long ? "R" : "E";
    compare_part(Invariant::round_trip, first_letter, "IP", now.regs.rip, then.regs.rip);
    for (const auto& [name, value] : sweep::general_registers)
        compare_part(Invariant::round_trip, first_letter, Name(name).substr(1), now.regs.*value, then.regs.*value);
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

namespace {

/// Compares what decides which interrupts come. A handler may choose other registers for its next read, and rotate
/// priorities.
bool is_same(const kvm_pic_state& a, const kvm_pic_state& b) {
    return a.irr == b.irr && a.isr == b.isr && a.imr == b.imr && a.irq_base == b.irq_base;
}

/// Compares the controllers of one kind. `name` says which, in plain words.
template <typename Controllers, typename Compare>
std::optional<sweep::Violation> compare_controllers(const char* name, const Controllers& now, const Controllers& then,
                                                    Compare is_same) {
    if (has_interrupt(now) && !has_interrupt(then)) {
        return sweep::Violation{
            Invariant::event_conservation,
            fmt::format("{} still has an interrupt that waits, or that nobody has acknowledged", name)};
    }
    if (is_same(now, then)) return std::nullopt;
    return sweep::Violation{Invariant::round_trip,
                            fmt::format("the registers of {} differ from the run without events", name)};
}

}  // namespace

std::vector<sweep::Violation> compare_controls(const CpuState& now, const CpuState& then,
                                               const InterruptState& interrupts_now,
                                               const InterruptState& interrupts_then) {
    std::vector<sweep::Violation> found;
    const vm::ControlState is{now.sregs, now.msrs, now.debug_registers};
    const vm::ControlState was{then.sregs, then.msrs, then.debug_registers};
    for (const auto& [name, value, expected] : vm::differences(is, was))
        found.push_back({Invariant::round_trip, changed(name, value, expected)});
    if (now.msrs.kernel_gs_base != then.msrs.kernel_gs_base)
        found.push_back(
            {Invariant::kernel_gs, changed("KERNEL_GS_BASE", now.msrs.kernel_gs_base, then.msrs.kernel_gs_base)});
    const auto are_same = [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; };
    if (auto violation =
            compare_controllers("the local APIC", interrupts_now.local_apic, interrupts_then.local_apic, are_same))
        found.push_back(std::move(*violation));
    const auto have_same_pics = [](const auto& a, const auto& b) { return std::ranges::equal(a, b, is_same); };
    if (auto violation = compare_controllers("the 8259", interrupts_now.pics, interrupts_then.pics, have_same_pics))
        found.push_back(std::move(*violation));
    return found;
}

}  // namespace gatecrash::kernel
