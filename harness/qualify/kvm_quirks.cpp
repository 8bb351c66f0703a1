#include <fmt/format.h>

#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint32_t single_step = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

/// The place of the next stop when the guest, which rang BEGIN, is to be stepped.
std::string next_stop(const RecordingCode& code, vm::Guest& guest) {
    guest.cpu().set_guest_debug(single_step);
    const auto exit = guest.run_once();
    guest.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return "stops " + code.name_of(debug->pc);
    return kvm::describe(exit);
}

}  // namespace

std::string step_shows_tf_to_pushf(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.pushfq();
    code.place("behind the PUSHF");
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    const auto stop = next_stop(code, guest);
    const auto pushed = guest.memory().read<std::uint64_t>(vm::Virtual{guest.cpu().regs().rsp}).value_or(0);
    const auto has_tf = [](std::uint64_t rflags) { return (rflags & vm::rflags_tf) != 0 ? "set" : "clear"; };
    return fmt::format("{}, TF {} in what it pushed, {} in KVM_GET_REGS", stop, has_tf(pushed),
                       has_tf(guest.cpu().regs().rflags));
}

std::string step_over_int(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.int_(vector);
    code.place("behind the INT");
    k.nop();
    code.place("one instruction behind the INT");
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    return next_stop(code, guest);
}

std::string step_over_popf(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.push(2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.popfq();
    code.place("behind the POPF");
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    guest.cpu().set_guest_debug(single_step);
    std::string stops;
    constexpr int max_stops = 3;
    for (int i = 0; i < max_stops; ++i) {
        const auto exit = guest.run_once();
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stops += stops.empty() ? "" : ", then ";
        stops += debug != nullptr ? "stops " + code.name_of(debug->pc) : "runs on";
        if (debug == nullptr) break;
    }
    guest.cpu().set_guest_debug(0);
    return stops;
}

std::string hlt_exit_is_behind_hlt(Bench& bench) {
    RecordingCode code;
    code.place("at the HLT");
    code.kernel.hlt();
    code.place("behind the HLT");
    code.end();
    auto& guest = code.boot(bench);
    const auto outcome = run_bounded(guest);
    if (!std::holds_alternative<vm::Halted>(outcome)) return ending(outcome);
    return "RIP " + code.name_of(guest.cpu().regs().rip);
}

std::string irq_below_32_has_no_error_code(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    constexpr int beyond_a_short_frame = 16;  // where the recorder reads, too
    k.sub(k.rsp, beyond_a_short_frame);
    k.push(vm::rflags_if | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place("behind the doorbell");
    k.nop();
    code.end();
    const auto account = code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::irq(GATECRASH_VECTOR_GP)); });
    if (account.records.size() != 1) return code.tell(account);
    // Without an error code RIP is where the recorder expects that.
    const auto& record = account.records[0];
    if (record.rip == GATECRASH_KERNEL_CS && code.name_of(record.error) == "behind the doorbell") {
        return "#GP's handler, without an error code";
    }
    return code.tell(account);
}

std::string second_machine_check_shuts_down(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_MC, GATECRASH_IST_MC, [](vm::Code& c) { c.doorbell(GATECRASH_PORT_BEGIN); });
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place("behind the doorbell");
    k.nop();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::mc()); }));
}

std::string guest_debug_hw_breakpoint(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label target;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.L(target);
    code.place("at the instruction");
    k.nop();
    code.end();
    auto& guest = code.boot(bench);
    (void)run_bounded(guest);
    guest.cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, code.kernel_address(target));
    const auto exit = guest.run_once();
    guest.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) return "stops " + code.name_of(debug->pc);
    const auto outcome = guest.outcome_of(exit);
    return outcome && rang(*outcome, GATECRASH_PORT_END) ? "runs on" : kvm::describe(exit);
}

std::string guest_debug_block_irq(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place("behind the doorbell");
    k.nop();
    code.place("behind the NOP");
    k.nop();
    code.end();
    std::string stop;
    const auto account = code.run(bench, [&](vm::Guest& guest) {
        guest.land(vm::Event::nmi());
        guest.cpu().set_guest_debug(single_step | KVM_GUESTDBG_BLOCKIRQ);
        const auto exit = guest.run_once();
        guest.cpu().set_guest_debug(0);
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        stop = debug != nullptr ? "stops " + code.name_of(debug->pc) : kvm::describe(exit);
    });
    return stop + ", then " + code.tell(account);
}

std::string exception_payload(Bench& bench) {
    constexpr std::uint64_t missing = 0x123000;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_PF);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place("behind the doorbell");
    k.nop();
    code.end();
    std::string before;
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
        cpu.complete_exit();  // KVM gets it, and nothing executes
        before = cpu.sregs().cr2 == missing ? "CR2 changes at once" : "CR2 stays";
    });
    const auto story = code.tell(account, [](const Record& record) {
        return record.cr2 == missing ? std::string(", CR2 the payload") : fmt::format(", CR2 {:#x}", record.cr2);
    });
    bench.discard();  // this machine stays like that
    return before + ", then " + story;
}

}  // namespace gatecrash::qualify
