#include "sweep/window.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sweep/loop_detector.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

constexpr std::uint64_t ignored_rflags = vm::rflags_rf;

std::vector<abi::LogRecord> records_since(Guest& guest, const Window& window) {
    const auto head = std::min<std::uint64_t>(log_head(guest), GATECRASH_LOG_CAPACITY);
    std::vector<abi::LogRecord> records(head - std::min(head, window.log_head));
    const auto at =
        guest.image().descriptor.log + offsetof(abi::Log, records) + window.log_head * sizeof(abi::LogRecord);
    (void)guest.memory().read(Virtual{at}, std::as_writable_bytes(std::span(records)));
    return records;
}

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
        // Without a reference this is the run that becomes it: whatever it takes is expected, except what is fatal.
        std::set<std::uint32_t> taken;
        if (!window.end) {
            for (const auto& record : records) taken.insert(record.vector);
        }
        const LogExpectation expected{all, window.end ? window.vectors : taken, window.nesting_limits};
        auto found = sweep::check_log(records, window.log_head, ended, expected, guest.image());
        violations.insert(violations.end(), found.violations.begin(), found.violations.end());
        bodies_at_once = std::move(found.bodies_at_once);
    }

    /// FATAL leaves a log record that says more, unless the log is what went wrong.
    void check_fatal(const vm::Outcome& outcome) {
        if (outcome == vm::Outcome{vm::Doorbell{GATECRASH_PORT_FATAL}} && violations.empty()) {
            add(Invariant::no_unexpected_vector, "the guest gave up (doorbell FATAL) and logged no reason");
        }
    }

    /// What the workload has on its stack is as it would be without events.
    void check_live_stack() {
        const auto rsp = guest.cpu().regs().rsp;
        if (guest.cpl() == 3 && !guest.image().is_user(Virtual{rsp})) return;  // the user's number, nobody's stack
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

    /// What the registers at END are held against; null if nothing is known yet.
    const vm::Snapshot* reference() const {
        if (window.round_trip) return &window.begin;
        return window.end ? &*window.end : nullptr;
    }

    std::string register_name(const char* name) const { return sweep::register_name(guest.image(), name); }

    void check_rip() {
        const auto now = guest.cpu().regs().rip, then = window.end->regs.rip;
        if (now != then) {
            add(Invariant::round_trip, fmt::format("{} is {:#x}, not {:#x}", register_name("RIP"), now, then));
        }
    }

    /// Names all registers that differ in one line.
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
        if (now.gs.base != then.gs.base || msrs[0] != at.msrs[0]) {
            add(Invariant::kernel_gs, fmt::format("GS base is {:#x}, not {:#x}", now.gs.base, then.gs.base));
        }
        if (now.cr3 != then.cr3) add(Invariant::page_tables, fmt::format("CR3 is {:#x}, not {:#x}", now.cr3, then.cr3));
        check_control(msrs, at);
    }

    /// What no event may leave changed for the code behind it, although nothing in the window would notice.
    void check_control(const vm::MsrSet& msrs, const vm::Snapshot& at) {
        const auto& now = guest.cpu().sregs();
        const auto& then = at.sregs;
        const auto debug = guest.debug_registers();
        auto debug_then = at.debug_registers;
        for (const auto& [event, head] : landed) {
            if (event.kind == vm::Event::Kind::watch) debug_then = Guest::armed(debug_then, *event.address);
        }
        struct Control {
            const char* name;
            std::uint64_t now, then;
        };
        const std::array controls{Control{"CR0", now.cr0, then.cr0},
                                  Control{"CR4", now.cr4, then.cr4},
                                  Control{"CR8", now.cr8, then.cr8},
                                  Control{"EFER", now.efer, then.efer},
                                  Control{"the GDT's base", now.gdt.base, then.gdt.base},
                                  Control{"the GDT's limit", now.gdt.limit, then.gdt.limit},
                                  Control{"the IDT's base", now.idt.base, then.idt.base},
                                  Control{"the IDT's limit", now.idt.limit, then.idt.limit},
                                  Control{"LDTR", now.ldt.selector, then.ldt.selector},
                                  Control{"TR", now.tr.selector, then.tr.selector},
                                  Control{"STAR", msrs[1], at.msrs[1]},
                                  Control{"LSTAR", msrs[2], at.msrs[2]},
                                  Control{"CSTAR", msrs[3], at.msrs[3]},
                                  Control{"FMASK", msrs[4], at.msrs[4]},
                                  Control{"SYSENTER_CS", msrs[5], at.msrs[5]},
                                  Control{"SYSENTER_ESP", msrs[6], at.msrs[6]},
                                  Control{"SYSENTER_EIP", msrs[7], at.msrs[7]},
                                  Control{"DR0", debug.db[0], debug_then.db[0]},
                                  Control{"DR1", debug.db[1], debug_then.db[1]},
                                  Control{"DR2", debug.db[2], debug_then.db[2]},
                                  Control{"DR3", debug.db[3], debug_then.db[3]},
                                  Control{"DR7", debug.dr7, debug_then.dr7}};
        for (const auto& c : controls) {
            if (c.now != c.then)
                add(Invariant::round_trip, fmt::format("{} is {:#x}, not {:#x}", c.name, c.now, c.then));
        }
    }

    /// An IST entry that a handler moved, for who nests on that stack, is back.
    void check_interrupt_stacks(const vm::Snapshot& at) {
        if (!guest.image().is_64_bit()) return;
        constexpr std::uint64_t ist_offset = 36;  // in a TSS (SDM volume 3, figure 8-11)
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

    /// Page tables are no part of a snapshot, so the next run is given good ones.
    void check_page_tables() {
        if (guest.page_tables_intact()) return;
        add(Invariant::page_tables, "the page tables themselves are overwritten");
        guest.memory().repair_page_tables();
    }

    void check_exit_work() {
        if (guest.cpl() != 3) return;
        if (const auto work = exit_work(guest))
            add(Invariant::exit_work, fmt::format("the user runs with exit_work {:#x} undone", work));
    }

    void check_nmi_mask() {
        const auto& events = guest.cpu().events();
        if (events.nmi.masked != 0) add(Invariant::nmi_mask, "NMIs are still masked at END");
        if (events.nmi.pending != 0) add(Invariant::nmi_mask, "an NMI is still latched at END");
    }
};

}  // namespace

std::uint64_t log_head(Guest& guest) {
    return guest.memory().read<std::uint64_t>(Virtual{guest.image().descriptor.log}).value_or(0);
}

std::uint64_t exit_work(Guest& guest) {
    const auto symbol = guest.image().symbols.find("exit_work");
    return symbol ? guest.memory().read<std::uint64_t>(*symbol).value_or(0) : 0;
}

std::string overwritten_canary(Guest& guest) {
    for (const auto& stack : guest.image().stacks) {
        for (const auto at : {stack.low - GATECRASH_CANARY_SIZE, stack.high}) {
            std::array<std::uint64_t, GATECRASH_CANARY_SIZE / 8> canary{};
            if (!guest.memory().read(Virtual{at}, std::as_writable_bytes(std::span(canary)))) continue;
            if (std::ranges::all_of(canary, [](auto word) { return word == GATECRASH_CANARY; })) continue;
            return fmt::format("{} of stack {}", at == stack.high ? "top" : "bottom",
                               guest.image().stack_of(stack.low));
        }
    }
    return "";
}

std::set<std::uint32_t> vectors_since(Guest& guest, const Window& window) {
    std::set<std::uint32_t> vectors;
    for (const auto& record : records_since(guest, window)) vectors.insert(record.vector);
    return vectors;
}

vm::Outcome run_patiently(Guest& guest, int patience) {
    auto outcome = guest.run();
    LoopDetector detector(1);
    // A busy host may keep the guest from executing anything between two looks.
    constexpr int convincing = 3;
    int repeats = 0;
    for (int i = 0; i < patience && std::holds_alternative<vm::StillRunning>(outcome); ++i) {
        if (detector.repeats(guest) && ++repeats == convincing) break;
        outcome = guest.run();
    }
    return outcome;
}

std::optional<Window> next_window(Guest& guest) {
    const auto outcome = run_patiently(guest);
    const auto* doorbell = std::get_if<vm::Doorbell>(&outcome);
    if (doorbell != nullptr && doorbell->port == GATECRASH_PORT_DONE) return std::nullopt;
    const auto port = doorbell == nullptr ? 0 : doorbell->port;
    const bool nmi = port == GATECRASH_PORT_BEGIN_NMI;
    const bool round_trip = port == GATECRASH_PORT_BEGIN_ROUND_TRIP;
    if (!nmi && !round_trip && port != GATECRASH_PORT_BEGIN) {
        throw vm::ImageError(
            fmt::format("{0}: outside its windows the guest ended with: {1}. Expected is the doorbell BEGIN or DONE; "
                        "`gatecrash replay --trace {0}` shows how it got there.\n{2}",
                        guest.image().name, describe(outcome), guest.dump()));
    }
    Window window;
    window.begin = guest.snapshot();
    if (nmi) window.opening = vm::Event::nmi();
    window.round_trip = round_trip;
    window.log_head = log_head(guest);
    for (const auto& [vector, most] : guest.pairs_at("nesting_limits")) {
        window.nesting_limits[static_cast<std::uint32_t>(vector)] = most;
    }
    const auto refuse = [&](const char* why) {
        throw vm::ImageError(fmt::format("{}: at BEGIN {}\n{}", guest.image().name, why, guest.dump()));
    };
    if (window.log_head > GATECRASH_LOG_CAPACITY) refuse("the log ring is overwritten: its head is beyond its end.");
    if (guest.has_own_page_tables() || !guest.page_tables_intact()) {
        refuse("the guest is not on the page tables it was booted with, and the harness reads memory through those.");
    }
    return window;
}

void open_window(Guest& guest, const Window& window) {
    guest.restore(window.begin);
    if (window.opening) guest.land(*window.opening);
}

void check_end(Guest& guest, const vm::Outcome& outcome) {
    const auto* doorbell = std::get_if<vm::Doorbell>(&outcome);
    if (doorbell == nullptr || doorbell->port == GATECRASH_PORT_END || doorbell->port == GATECRASH_PORT_FATAL) return;
    throw vm::ImageError(fmt::format("{}: the workload rings {} before {}, inside a window: it has to ring END first",
                                     guest.image().name, describe(outcome),
                                     guest.image().symbols.name_of(guest.rip())));
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

Boundary boundary_of(const vm::SymbolTable& symbols, const Reached& reached) {
    Boundary boundary;
    const auto name = symbols.name_of(reached.rip);
    const auto plus = name.find('+');
    // Below all symbols the name is a number, which would read as an index.
    if (!name.starts_with("0x")) boundary.symbol = name.substr(0, plus);
    if (plus != std::string::npos) boundary.offset = std::stoull(name.substr(plus + 1), nullptr, 16);
    boundary.hit = reached.hit;
    boundary.index = reached.index;
    return boundary;
}

bool ScheduleLander::is_wanted(const vm::SymbolTable& symbols, const Reached& here) const {
    const auto& wanted = (*schedule_)[next_].boundary;
    if (wanted.index) return here.index == *wanted.index;
    return here.hit == wanted.hit && symbols.has(wanted.symbol, Virtual{number(here.rip) - wanted.offset});
}

std::optional<vm::Event> ScheduleLander::operator()(Guest& guest) {
    const auto here = hits_.reach(guest.rip());
    if (next_ == schedule_->size()) return std::nullopt;
    if (!is_wanted(guest.image().symbols, here)) return std::nullopt;
    const auto& [event, wanted] = (*schedule_)[next_];
    if (!guest.can_land(event)) {
        const char* why = event.kind == vm::Event::Kind::irq
                              ? "the guest has an interrupt of that priority or above in service"
                          : event.kind == vm::Event::Kind::watch
                              ? "interrupts are off, DR0 is in use, or the guest refuses that address or has no such"
                          : event.address ? "the instruction does not use that address"
                                          : "RF is set, or another exception is not dealt with yet";
        throw ScheduleError(
            fmt::format("no CPU can have {} arrive at {}: {}", to_string(event), to_string(wanted), why));
    }
    hits_.restart();
    ++next_;
    return event;
}

}  // namespace gatecrash::sweep
