#include <fmt/format.h>

#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Event;
using machine::Machine;

constexpr int rflags_fixed = 2;

}  // namespace

std::string irq_delivery(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_DEFAULT_IRQ);
    k.doorbell(GATECRASH_PORT_BEGIN);  // lands here, where IF is clear
    k.nop();
    k.push(machine::rflags_if | rflags_fixed);
    k.popfq();  // not STI, whose shadow is another behaviour
    guest.place("where IF lets it in");
    k.nop();
    k.doorbell(GATECRASH_PORT_BEGIN);  // and here, where it is set
    guest.place("behind the doorbell");
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench, [](Machine& machine) { machine.land(Event::irq()); }));
}

std::string mov_ss_shadow(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(vector);
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.word[k.rbx], GATECRASH_KERNEL_SS);
    guest.set_debug_register(0, RecordingGuest::scratch);
    guest.set_debug_register(7, dr7_access_of_two_bytes);
    k.db(0x8e), k.db(0x13);  // mov ss, [rbx]
    guest.place("behind the MOV SS");
    k.int_(vector);
    guest.place("behind the INT");
    guest.disarm(dr7_access_of_two_bytes);
    guest.end();
    return guest.tell(guest.run(bench));
}

std::string vc_injection(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_VC, 0, ring_end);  // without an error code there is nothing to return through
    k.push(k.rax);                               // nor the word above SS that is recorded
    k.push(k.rax);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.end();
    const auto account = guest.run(bench, [](Machine& machine) { machine.land(Event::vc()); });
    // Without an error code RIP is where the recorder expects that.
    if (account.records.size() == 1 && guest.name_of(account.records[0].error) == "behind the doorbell") {
        return "#VC's handler, without an error code";
    }
    return guest.tell(account, [](const Record& record) { return fmt::format(", error {:#x}", record.error); });
}

std::string exception_injection(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    guest.on(GATECRASH_VECTOR_MC, GATECRASH_IST_MC);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the first doorbell");
    k.nop();
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the second doorbell");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, [begins = 0](Machine& machine) mutable {
        auto events = machine.cpu().events();
        events.exception.injected = 1;
        events.exception.nr = ++begins == 1 ? GATECRASH_VECTOR_DB : GATECRASH_VECTOR_MC;
        events.exception.has_error_code = 0;
        machine.cpu().set_events(events);
    }));
}

}  // namespace gatecrash::qualify
