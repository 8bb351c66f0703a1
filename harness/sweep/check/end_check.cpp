#include "sweep/check/end_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sweep/check/kept_state.hpp"
#include "vm/state/control_state.hpp"
#include "vm/state/debug_registers.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

constexpr std::uint64_t ignored_rflags = vm::rflags_rf;

struct Checker {
    Guest& guest;
    const Window& window;
    const std::vector<LandedEvent>& landed;
    std::vector<RunViolation> violations{};
    std::map<std::uint32_t, std::uint64_t> bodies_at_once{};

    void add(Invariant invariant, std::string message) { violations.push_back({{invariant, std::move(message)}, {}}); }

    std::string name(std::uint64_t address) const { return guest.image().symbols.name_of(Virtual{address}); }

    void check_outcome(const vm::Outcome& outcome) {
        if (std::holds_alternative<vm::StillRunning>(outcome)) return;
        if (const auto* doorbell = std::get_if<vm::Doorbell>(&outcome)) {
            const auto port = doorbell->port;
            if (port == GATECRASH_PORT_END || port == GATECRASH_PORT_FATAL) return;
            add(Invariant::round_trip, fmt::format("the run left its window by {}", describe(outcome)));
        } else if (const auto* access = std::get_if<vm::BadAccess>(&outcome)) {
            add(access->is_write ? Invariant::read_only_tables : Invariant::no_unexpected_vector,
                fmt::format("{}, RIP {}", describe(outcome), name(guest.cpu().regs().rip)));
        } else if (std::holds_alternative<vm::NestedDebugException>(outcome)) {
            add(Invariant::progress, describe(outcome));
        } else if (std::holds_alternative<vm::Halted>(outcome)) {
            add(Invariant::progress, fmt::format("the CPU halts at {}", name(guest.cpu().regs().rip)));
        } else {
            add(Invariant::no_unexpected_vector, fmt::format("{}", describe(outcome)));
        }
    }

    void check_log(bool ended) {
        const auto head = log_head(guest);
        if (head < window.log_head || head > GATECRASH_LOG_CAPACITY)
            return add(Invariant::stack, "the log ring is overwritten");
        const auto records = records_since(guest, window);
        auto all = landed;
        if (window.opening) all.insert(all.begin(), {*window.opening, window.log_head});
        // Without a reference, this run becomes the reference. Then every vector that it takes is expected, except
        // fatal ones.
        std::set<std::uint32_t> taken;
        if (!window.end) {
            for (const auto& record : records) taken.insert(record.vector);
        }
        const LogExpectation expected{all, window.end ? window.vectors : std::as_const(taken), window.nesting_limits};
        auto found = sweep::check_log(records, window.log_head, ended, expected, guest.image());
        violations.insert(violations.end(), found.violations.begin(), found.violations.end());
        bodies_at_once = std::move(found.bodies_at_once);
    }

    /// Reports a FATAL doorbell if nothing else was found. Usually its log record says more, unless the log itself is
    /// damaged.
    void check_fatal(const vm::Outcome& outcome) {
        if (outcome == vm::Outcome{vm::Doorbell{GATECRASH_PORT_FATAL}} && violations.empty()) {
            add(Invariant::no_unexpected_vector, "the guest gave up (doorbell FATAL) and logged no reason");
        }
    }

    /// Compares the workload's live stack with that of the run without events.
    void check_live_stack() {
        const auto rsp = guest.cpu().regs().rsp;
        if (guest.cpl() == 3 && !guest.image().is_user(Virtual{rsp}))
            return;  // RSP is only a number of the user's,
                     // not a stack
        const auto& stacks = guest.image().stacks;
        const auto stack =
            std::find_if(stacks.begin(), stacks.end(), [&](const auto& s) { return rsp >= s.low && rsp <= s.high; });
        if (stack == stacks.end() || rsp != window.end->regs.rsp) return;
        std::vector<std::byte> now(stack->high - rsp), then(now.size());
        if (!guest.memory().read(Virtual{rsp}, now)) return;
        if (!guest.memory().read_saved(window.end->pages, Virtual{rsp}, then)) return;
        const auto changed = std::mismatch(now.begin(), now.end(), then.begin()).first;
        if (changed != now.end()) {
            add(Invariant::stack, fmt::format("the live part of stack {} is overwritten, {} bytes above RSP",
                                              guest.image().stack_of(rsp), changed - now.begin()));
        }
    }

    void check_canaries() {
        const auto canary = overwritten_canary(guest);
        if (!canary.empty()) add(Invariant::stack, fmt::format("the canary at the {} is overwritten", canary));
    }

    /// Returns the state that the registers at END must equal; null if none is known yet.
    const vm::Snapshot* reference() const {
        if (window.round_trip) return &window.begin;
        return window.end ? &*window.end : nullptr;
    }

    std::string register_name(const char* name) const { return sweep::register_name(guest.image().is_64_bit(), name); }

    void check_rip() {
        const auto now = guest.cpu().regs().rip, then = window.end->regs.rip;
        if (now != then) {
            add(Invariant::round_trip, fmt::format("{} is {:#x}, not {:#x}", register_name("RIP"), now, then));
        }
    }

    /// Reports all registers that differ as one violation. Its message shows the first three and counts the others.
    void check_registers(const vm::Snapshot& at) {
        const auto& now = guest.cpu().regs();
        const auto& then = at.regs;
        std::vector<std::string> differences;
        if (((now.rflags ^ then.rflags) & ~ignored_rflags) != 0) {
            differences.push_back(fmt::format("{} is {:#x}, not {:#x} ({})", register_name("RFLAGS"), now.rflags,
                                              then.rflags, changed_flags(now.rflags, then.rflags)));
        }
        for (const auto& r : general_registers) {
            if (now.*r.value == then.*r.value) continue;
            differences.push_back(
                fmt::format("{} is {:#x}, not {:#x}", register_name(r.name), now.*r.value, then.*r.value));
        }
        if (differences.empty()) return;
        constexpr std::size_t shown = 3;
        const auto more = differences.size() > shown ? fmt::format("; {} more differ", differences.size() - shown) : "";
        differences.resize(std::min(differences.size(), shown));
        add(Invariant::round_trip, fmt::format("{}{}", fmt::join(differences, "; "), more));
    }

    void check_special_registers(const vm::Snapshot& at) {
        const auto& now = guest.cpu().sregs();
        const auto& then = at.sregs;
        struct Segment {
            const char* name;
            kvm_segment kvm_sregs::*value;
        };
        static constexpr std::array segments{Segment{"CS", &kvm_sregs::cs}, Segment{"SS", &kvm_sregs::ss},
                                             Segment{"DS", &kvm_sregs::ds}, Segment{"ES", &kvm_sregs::es},
                                             Segment{"FS", &kvm_sregs::fs}, Segment{"GS", &kvm_sregs::gs}};
        for (const auto& s : segments) {
            const auto &a = now.*s.value, &b = then.*s.value;
            if (a.selector != b.selector) {
                add(Invariant::round_trip, fmt::format("{} is {:#x}, not {:#x}", s.name, a.selector, b.selector));
            }
        }
        const auto msrs = guest.msrs();
        if (now.fs.base != then.fs.base) add(Invariant::round_trip, "the FS base changed");
        if (now.gs.base != then.gs.base || msrs.kernel_gs_base != at.msrs.kernel_gs_base) {
            add(Invariant::kernel_gs, fmt::format("GS base is {:#x}, not {:#x}", now.gs.base, then.gs.base));
        }
        if (now.cr3 != then.cr3) add(Invariant::page_tables, fmt::format("CR3 is {:#x}, not {:#x}", now.cr3, then.cr3));
        check_control(at);
    }

    /// Checks control registers and MSRs. No event may change them for the code that follows, even if nothing in the
    /// window would notice.
    void check_control(const vm::Snapshot& at) {
        auto debug_then = at.debug_registers;
        for (const auto& [event, head] : landed) {
            if (vm::arms_watchpoint(event)) debug_then = vm::armed(debug_then, *event.address);
        }
        const vm::ControlState then{at.sregs, at.msrs, debug_then};
        const vm::ControlState now{guest.cpu().sregs(), guest.msrs(), guest.debug_registers()};
        for (const auto& d : vm::differences(now, then)) {
            add(Invariant::round_trip, fmt::format("{} is {:#x}, not {:#x}", d.name, d.now, d.then));
        }
    }

    /// Checks that a handler restored an IST entry that it had moved to let others nest on that stack.
    void check_interrupt_stacks(const vm::Snapshot& at) {
        if (!guest.image().is_64_bit()) return;
        constexpr std::uint64_t ist_offset = 36;  // offset of IST1 in a TSS (SDM volume 3, figure 8-11)
        std::array<std::uint64_t, 7> now{}, then{};
        const Virtual from{guest.image().descriptor.tss + ist_offset};
        if (!guest.memory().read(from, std::as_writable_bytes(std::span(now)))) return;
        if (!guest.memory().read_saved(at.pages, from, std::as_writable_bytes(std::span(then)))) return;
        for (std::size_t i = 0; i < now.size(); ++i) {
            if (now[i] != then[i]) {
                add(Invariant::interrupt_stacks,
                    fmt::format("IST entry {} is {:#x}, not {:#x}", i + 1, now[i], then[i]));
            }
        }
    }

    /// Reports overwritten page tables, and repairs them for the next run, since snapshots do not contain them.
    void check_page_tables() {
        if (guest.page_tables_intact()) return;
        add(Invariant::page_tables, "the page tables themselves are overwritten");
        guest.memory().repair_page_tables();
    }

    void check_exit_work() {
        if (guest.cpl() != 3) return;
        if (const auto work = exit_work(guest))
            add(Invariant::exit_work, fmt::format("user code runs with exit_work {:#x} undone", work));
    }

    void check_nmi_mask() {
        const auto& events = guest.cpu().events();
        if (events.nmi.masked != 0) add(Invariant::nmi_mask, "NMIs are still masked at END");
        if (events.nmi.pending != 0) add(Invariant::nmi_mask, "an NMI is still latched at END");
    }
};

}  // namespace

std::uint64_t exit_work(Guest& guest) {
    const auto& at = guest.declared().exit_work;
    return at ? guest.memory().read<std::uint64_t>(*at).value_or(0) : 0;
}

std::string overwritten_canary(Guest& guest) {
    auto& memory = guest.memory();
    for (const auto& stack : guest.image().stacks) {
        const Virtual begin{stack.low - GATECRASH_CANARY_SIZE}, end{stack.high + GATECRASH_CANARY_SIZE};
        if (!memory.next_written(begin, end)) continue;
        for (const auto at : {stack.low - GATECRASH_CANARY_SIZE, stack.high}) {
            std::array<std::uint64_t, GATECRASH_CANARY_SIZE / 8> canary{};
            if (!memory.read(Virtual{at}, std::as_writable_bytes(std::span(canary)))) continue;
            if (std::ranges::all_of(canary, [](auto word) { return word == GATECRASH_CANARY; })) continue;
            return fmt::format("{} of stack {}", at == stack.high ? "top" : "bottom",
                               guest.image().stack_of(stack.low));
        }
    }
    return "";
}

RunFindings check_run(Guest& guest, const Window& window, const vm::Outcome& outcome,
                      const std::vector<LandedEvent>& landed) {
    Checker checker{guest, window, landed};
    const bool ended = outcome == vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}};
    checker.check_outcome(outcome);
    checker.check_log(ended);
    checker.check_canaries();
    checker.check_page_tables();
    checker.check_fatal(outcome);
    if (ended) checker.check_nmi_mask();
    if (ended) checker.check_exit_work();
    if (ended && window.end) {
        checker.check_live_stack();
        checker.check_rip();
    }
    if (const auto* reference = checker.reference(); ended && reference != nullptr) {
        checker.check_registers(*reference);
        checker.check_special_registers(*reference);
        checker.check_interrupt_stacks(*reference);
    }
    return {std::move(checker.violations), std::move(checker.bodies_at_once)};
}

std::vector<RunViolation> check_log_so_far(Guest& guest, const Window& window, const std::vector<LandedEvent>& landed) {
    Checker checker{guest, window, landed};
    checker.check_log(false);
    return std::move(checker.violations);
}

}  // namespace gatecrash::sweep
