#include <fmt/format.h>

#include "facts.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint32_t single_step = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

/// The place of the next stop when the guest, which rang BEGIN, is to be stepped.
std::string next_stop(const RecordingGuest& guest, machine::Machine& machine) {
    machine.cpu().set_guest_debug(single_step);
    const auto exit = machine.run_once();
    machine.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return "stops " + guest.name_of(debug->pc);
    return kvm::describe(exit);
}

}  // namespace

std::string step_shows_tf_to_pushf(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.pushfq();
    guest.place("behind the PUSHF");
    guest.end();
    auto& machine = guest.boot(bench);
    (void)run_bounded(machine);
    const auto stop = next_stop(guest, machine);
    const auto pushed = machine.memory().read<std::uint64_t>(machine::Virtual{machine.cpu().regs().rsp}).value_or(0);
    const auto has_tf = [](std::uint64_t rflags) { return (rflags & machine::rflags_tf) != 0 ? "set" : "clear"; };
    return fmt::format("{}, TF {} in what it pushed, {} in KVM_GET_REGS", stop, has_tf(pushed),
                       has_tf(machine.cpu().regs().rflags));
}

std::string step_over_int(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(vector);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.int_(vector);
    guest.place("behind the INT");
    k.nop();
    guest.place("one instruction behind the INT");
    k.nop();
    guest.end();
    auto& machine = guest.boot(bench);
    (void)run_bounded(machine);
    return next_stop(guest, machine);
}

std::string step_over_popf(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    k.push(2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.popfq();
    guest.place("behind the POPF");
    k.nop();
    guest.end();
    auto& machine = guest.boot(bench);
    (void)run_bounded(machine);
    machine.cpu().set_guest_debug(single_step);
    std::string stops;
    constexpr int max_stops = 3;
    for (int i = 0; i < max_stops; ++i) {
        const auto exit = machine.run_once();
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stops += stops.empty() ? "" : ", then ";
        stops += debug != nullptr ? "stops " + guest.name_of(debug->pc) : "runs on";
        if (debug == nullptr) break;
    }
    machine.cpu().set_guest_debug(0);
    return stops;
}

std::string hlt_exit_is_behind_hlt(Bench& bench) {
    RecordingGuest guest;
    guest.place("at the HLT");
    guest.kernel.hlt();
    guest.place("behind the HLT");
    guest.end();
    auto& machine = guest.boot(bench);
    const auto outcome = run_bounded(machine);
    if (!std::holds_alternative<machine::Halted>(outcome)) return ending(outcome);
    return "RIP " + guest.name_of(machine.cpu().regs().rip);
}

std::string irq_below_32_has_no_error_code(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    constexpr int beyond_a_short_frame = 16;  // where the recorder reads, too
    k.sub(k.rsp, beyond_a_short_frame);
    k.push(machine::rflags_if | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.end();
    const auto account =
        guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::irq(GATECRASH_VECTOR_GP)); });
    if (account.records.size() != 1) return guest.tell(account);
    // Without an error code RIP is where the recorder expects that.
    const auto& record = account.records[0];
    if (record.rip == GATECRASH_KERNEL_CS && guest.name_of(record.error) == "behind the doorbell") {
        return "#GP's handler, without an error code";
    }
    return guest.tell(account);
}

std::string second_machine_check_shuts_down(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_MC, GATECRASH_IST_MC, [](machine::Code& c) { c.doorbell(GATECRASH_PORT_BEGIN); });
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::mc()); }));
}

std::string guest_debug_hw_breakpoint(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label target;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.L(target);
    guest.place("at the instruction");
    k.nop();
    guest.end();
    auto& machine = guest.boot(bench);
    (void)run_bounded(machine);
    machine.cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, guest.kernel_address(target));
    const auto exit = machine.run_once();
    machine.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return "stops " + guest.name_of(debug->pc);
    const auto outcome = machine.outcome_of(exit);
    return outcome && rang(*outcome, GATECRASH_PORT_END) ? "runs on" : kvm::describe(exit);
}

std::string guest_debug_block_irq(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.place("behind the NOP");
    k.nop();
    guest.end();
    std::string stop;
    const auto account = guest.run(bench, [&](machine::Machine& machine) {
        machine.land(machine::Event::nmi());
        machine.cpu().set_guest_debug(single_step | KVM_GUESTDBG_BLOCKIRQ);
        const auto exit = machine.run_once();
        machine.cpu().set_guest_debug(0);
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stop = debug != nullptr ? "stops " + guest.name_of(debug->pc) : kvm::describe(exit);
    });
    return stop + ", then " + guest.tell(account);
}

std::string exception_payload(Bench& bench) {
    constexpr std::uint64_t missing = 0x123000;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_PF);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.end();
    std::string before;
    const auto account = guest.run(bench, [&](machine::Machine& machine) {
        machine.enable_exception_payload();
        auto& cpu = machine.cpu();
        auto events = cpu.events();
        events.exception.pending = 1;
        events.exception.nr = GATECRASH_VECTOR_PF;
        events.exception.has_error_code = 1;
        events.exception_has_payload = 1;
        events.exception_payload = missing;
        events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
        cpu.set_events(events);
        cpu.complete_exit();  // KVM gets it, and nothing executes
        before = cpu.sregs().cr2 == missing ? "CR2 changes at once" : "CR2 stays";
    });
    const auto story = guest.tell(account, [](const Record& record) {
        return record.cr2 == missing ? std::string(", CR2 the payload") : fmt::format(", CR2 {:#x}", record.cr2);
    });
    bench.discard();  // this machine stays like that
    return before + ", then " + story;
}

}  // namespace gatecrash::qualify
