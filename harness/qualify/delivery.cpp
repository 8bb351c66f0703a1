#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Event;
using vm::Guest;

constexpr int rflags_fixed = 2;

}  // namespace

Answer irq_delivery(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_DEFAULT_IRQ);
    k.doorbell(GATECRASH_PORT_BEGIN);  // an interrupt lands here, where IF is clear
    k.nop();
    k.push(vm::rflags_if | rflags_fixed);
    k.popfq();  // not STI, whose shadow is another behaviour
    code.place(where(Mark::if_set));
    k.nop();
    k.doorbell(GATECRASH_PORT_BEGIN);  // another lands here, where IF is set
    code.place(after(Mark::doorbell));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench, [](Guest& guest) { guest.land(Event::irq()); }));
}

Answer mov_ss_shadow(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector);
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.word[k.rbx], GATECRASH_KERNEL_SS);
    code.set_debug_register(0, RecordingCode::scratch);
    code.set_debug_register(7, dr7_access_of_two_bytes);
    k.db(0x8e), k.db(0x13);  // mov ss, [rbx]
    code.place(after(Mark::mov_ss));
    k.int_(vector);
    code.place(after(Mark::int_n));
    code.disarm(dr7_access_of_two_bytes);
    code.end();
    return code.tell(code.run(bench));
}

Answer vc_injection(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_VC, 0, ring_end);  // does not return: IRETQ fails if the error code is missing
    k.push(k.rax);                              // two words, since the recorder then reads one above SS
    k.push(k.rax);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.end();
    const auto account = code.run(bench, [](Guest& guest) { guest.land(Event::vc()); });
    // Without an error code, RIP is where the recorder expects the error code.
    if (account.records.size() == 1 && code.place_of(account.records[0].error) == Place(after(Mark::doorbell))) {
        return {Statement::vc_without_error_code};
    }
    return code.tell(account, error_code);
}

Answer exception_injection(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    code.on(GATECRASH_VECTOR_MC, GATECRASH_IST_MC);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::first_doorbell));
    k.nop();
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::second_doorbell));
    k.nop();
    code.end();
    return code.tell(code.run(bench, [begins = 0](Guest& guest) mutable {
        auto events = guest.cpu().events();
        events.exception.injected = 1;
        events.exception.nr = ++begins == 1 ? GATECRASH_VECTOR_DB : GATECRASH_VECTOR_MC;
        events.exception.has_error_code = 0;
        guest.cpu().set_events(events);
    }));
}

}  // namespace gatecrash::qualify
