#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint32_t single_step = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

/// Steps the guest, which has rung BEGIN, and returns where it stops.
Observation next_stop(const RecordingCode& code, vm::Guest& guest) {
    guest.cpu().set_guest_debug(single_step);
    const auto exit = run_to_exit(guest);
    guest.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return Stop{code.place_of(debug->pc)};
    return Unforeseen{kvm::describe(exit)};
}

}  // namespace

Answer step_shows_tf_to_pushf(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.pushfq();
    code.place(after(Mark::pushf));
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    const auto stop = next_stop(code, guest);
    const auto pushed = guest.memory().read<std::uint64_t>(vm::Virtual{guest.cpu().regs().rsp}).value_or(0);
    const auto has_tf = [](std::uint64_t rflags) { return (rflags & vm::rflags_tf) != 0; };
    return {stop, TrapFlagSeen{.pushed = has_tf(pushed), .in_registers = has_tf(guest.cpu().regs().rflags)}};
}

Answer step_over_int(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.int_(vector);
    code.place(after(Mark::int_n));
    k.nop();
    code.place(after(Mark::int_n, 1));
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    return {next_stop(code, guest)};
}

Answer step_over_popf(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.push(2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.popfq();
    code.place(after(Mark::popf));
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    guest.cpu().set_guest_debug(single_step);
    Answer stops;
    constexpr int max_stops = 3;
    for (int i = 0; i < max_stops; ++i) {
        const auto exit = run_to_exit(guest);
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stops.push_back(debug != nullptr ? Observation(Stop{code.place_of(debug->pc)}) : Statement::runs_on);
        if (debug == nullptr) break;
    }
    guest.cpu().set_guest_debug(0);
    return stops;
}

Answer step_over_rep(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.mov(k.rdi, RecordingCode::scratch);
    k.mov(k.ecx, 2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(at(Mark::instruction));
    k.rep();
    k.stosb();
    code.place(after(Mark::instruction));
    k.nop();
    code.place(after(Mark::instruction, 1));
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    return {next_stop(code, guest), next_stop(code, guest), next_stop(code, guest)};
}

Answer hlt_exit_is_after_hlt(Bench& bench) {
    RecordingCode code;
    code.place(at(Mark::hlt));
    code.kernel.hlt();
    code.place(after(Mark::hlt));
    code.end();
    auto& guest = code.boot(bench);
    const auto outcome = run_bounded(guest);
    if (!std::holds_alternative<vm::Halted>(outcome)) return {Ended{outcome}};
    return {RipReading{code.place_of(guest.cpu().regs().rip)}};
}

Answer irq_below_32_has_no_error_code(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    constexpr int beyond_a_short_frame = 16;  // the recorder reads there, too
    k.sub(k.rsp, beyond_a_short_frame);
    k.push(vm::rflags_if | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.end();
    const auto account = code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::irq(GATECRASH_VECTOR_GP)); });
    if (account.records.size() != 1) return code.tell(account);
    // Without an error code, RIP is where the recorder expects the error code.
    const auto& record = account.records[0];
    if (record.rip == GATECRASH_KERNEL_CS && code.place_of(record.error) == Place(after(Mark::doorbell))) {
        return {Statement::gp_without_error_code};
    }
    return code.tell(account);
}

Answer second_machine_check_shuts_down(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_MC, GATECRASH_IST_MC, [](vm::Code& c) { c.doorbell(GATECRASH_PORT_BEGIN); });
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::mc()); }));
}

Answer guest_debug_hw_breakpoint(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label target;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.L(target);
    code.place(at(Mark::instruction));
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    guest.cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, code.kernel_address(target));
    const auto exit = run_to_exit(guest);
    guest.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return {Stop{code.place_of(debug->pc)}};
    const auto outcome = guest.outcome_of(exit);
    if (outcome && rang(*outcome, GATECRASH_PORT_END)) return {Statement::runs_on};
    return {Unforeseen{kvm::describe(exit)}};
}

Answer guest_debug_block_irq(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.place(after(Mark::nop));
    k.nop();
    code.end();
    Answer stop;
    const auto account = code.run(bench, [&](vm::Guest& guest) {
        guest.land(vm::Event::nmi());
        guest.cpu().set_guest_debug(single_step | KVM_GUESTDBG_BLOCKIRQ);
        const auto exit = run_to_exit(guest);
        guest.cpu().set_guest_debug(0);
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stop = {debug != nullptr ? Observation(Stop{code.place_of(debug->pc)}) : Unforeseen{kvm::describe(exit)}};
    });
    return then(stop, code.tell(account));
}

Answer exception_payload(Bench& bench) {
    constexpr std::uint64_t missing = 0x123000;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_PF);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.end();
    Answer before;
    const auto account = code.run(bench, [&](vm::Guest& guest) {
        guest.enable_exception_payload();
        auto& cpu = guest.cpu();
        auto events = cpu.events();
        events.exception.pending = 1;
        events.exception.nr = GATECRASH_VECTOR_PF;
        events.exception.has_error_code = 1;
        events.exception_has_payload = 1;
        events.exception_payload = missing;
        events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
        cpu.set_events(events);
        cpu.complete_exit();  // KVM takes in the events, and nothing executes
        before = {cpu.sregs().cr2 == missing ? Statement::cr2_changes_at_once : Statement::cr2_stays};
    });
    const auto deliveries = code.tell(account, [](const Record& record) {
        return Details{.cr2 = record.cr2 == missing ? Value(Known::payload) : Value(record.cr2)};
    });
    bench.discard();  // exception payloads stay enabled in this machine
    return then(before, deliveries);
}

}  // namespace gatecrash::qualify
