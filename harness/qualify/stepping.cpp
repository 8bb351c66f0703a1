#include "vm/stepping/stepper.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "qualify/guest_to_step.hpp"
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Guest;
using vm::Snapshot;
using vm::StepperKind;

/// Returns the parts that differ between `a` and the present state of the machine.
Parts difference(const Snapshot& a, Guest& guest) {
    const auto b = guest.snapshot(&a);
    Parts parts;
    const auto compare = [&](bool same, Part part) {
        if (!same) parts.push_back(part);
    };
    compare(std::memcmp(&a.regs, &b.regs, sizeof a.regs) == 0, Part::registers);
    compare(std::memcmp(&a.sregs, &b.sregs, sizeof a.sregs) == 0, Part::special_registers);
    compare(a.msrs == b.msrs, Part::msrs);
    compare(guest.memory().equals(a.pages), Part::memory);
    return parts;
}

/// Steps the guest to its end.
SteppedRun step_to_end(Guest& guest, StepperKind kind) {
    constexpr std::size_t max_steps = 3 * instructions_to_step;
    const auto stepper = vm::make_stepper(kind, guest);
    stepper->enter();
    std::size_t boundaries = 0;
    std::optional<vm::Outcome> end;
    while (!end && boundaries < max_steps) {
        ++boundaries;
        end = stepper->step().end;
    }
    stepper->leave();
    SteppedRun run;
    if (!end) return run;
    run.steps = boundaries;
    if (!rang(*end, GATECRASH_PORT_END)) run.ended = end;
    return run;
}

Answer step_and_compare(Bench& bench, StepperKind kind) {
    auto& guest = bench.load_guest_to_step();
    const auto from = guest.snapshot();
    const auto free = run_bounded(guest);
    if (!rang(free, GATECRASH_PORT_END)) return {FreeRun{.ended = free}};
    const auto free_end = guest.snapshot();
    guest.restore(from);
    auto run = step_to_end(guest, kind);
    run.differing = difference(free_end, guest);
    return {run};
}

}  // namespace

Answer trap_flag_step(Bench& bench) { return step_and_compare(bench, StepperKind::trap_flag); }

Answer stop_bytes_step(Bench& bench) { return step_and_compare(bench, StepperKind::stop_bytes); }

Answer trap_flag_leaves_no_state(Bench& bench) {
    auto& guest = bench.load_guest_to_step();
    const auto from = guest.snapshot();
    (void)run_bounded(guest);
    const auto free_end = guest.snapshot();
    guest.restore(from);
    const auto stepper = vm::make_trap_flag_stepper(guest);
    stepper->enter();
    for (std::size_t steps = 1; steps < instructions_to_step; ++steps) {
        (void)stepper->step();
        constexpr std::size_t free_run_every = 4;  // steps
        if (steps % free_run_every != 0) continue;
        // Leaves the stepper in mid-way and right after a step, as a sweep does for each schedule.
        const auto here = guest.snapshot(&from);
        stepper->leave();
        guest.restore(here);
        const auto outcome = run_bounded(guest);
        if (!rang(outcome, GATECRASH_PORT_END)) {
            return {FreeRun{.steps = steps, .ended = outcome}};
        }
        if (const auto differing = difference(free_end, guest); !differing.empty()) {
            return {FreeRun{.steps = steps, .differing = differing}};
        }
        guest.restore(here);
        stepper->enter();
    }
    stepper->leave();
    return {FreeRun{}};
}

/// Does not use Guest::run_once() for the step, which would have its trap removed.
Answer exit_leaves_no_trap(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.doorbell(GATECRASH_PORT_FATAL);
    code.place(after(Mark::doorbell));
    code.kernel.nop();
    code.place(after(Mark::doorbell, 1));
    code.end();
    return code.tell(code.run(bench, [](Guest& guest) {
        auto& cpu = guest.cpu();
        cpu.set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
        constexpr int patience = 100;  // runs that a signal may end
        for (int i = 0; i < patience && std::holds_alternative<kvm::InterruptedExit>(cpu.run()); ++i) {
            cpu.clear_immediate_exit();
        }
        cpu.set_guest_debug(0);
        cpu.complete_exit();
    }));
}

/// Runs an NMI and an INT3 twice. The second time the host takes all pages away before each of them.
Answer unmapped_pages_leave_no_rf(Bench& bench) {
    constexpr int events = 2;
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label again;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    code.on(GATECRASH_VECTOR_BP);
    k.mov(k.r12d, 2);
    k.L(again);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.int3();
    code.place(after(Mark::int3));
    k.dec(k.r12d);
    k.jnz(again);
    code.end();
    const auto account = code.run(bench, [begins = 0](Guest& guest) mutable {
        if (begins >= events) guest.memory().unmap();
        if (begins % events == 0) guest.land(vm::Event::nmi());
        ++begins;
    });
    const auto& records = account.records;
    if (!account.ended_well() || records.size() != 2 * events) return code.tell(account);
    const auto has_rf = [](const Record& record) { return (record.rflags & vm::rflags_rf) != 0; };
    if (std::ranges::equal(std::span(records).first(events), std::span(records).last(events), {}, has_rf, has_rf))
        return {Statement::same_rf};
    return code.tell(account, [&](const Record& record) { return Details{.resume_flag = has_rf(record)}; });
}

}  // namespace gatecrash::qualify
