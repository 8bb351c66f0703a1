#include "vm/quirks/stale_trap.hpp"

#include <utility>

#include "vm/guest.hpp"

namespace gatecrash::vm::quirks {

void StaleTrap::note(Guest& guest, const kvm::Exit& exit) {
    if (!guest.repairs().stale_trap) return;
    const auto& cpu = guest.cpu();
    // If it is stepped, an instruction that KVM emulates also ends by a debug exit.
    may_be_left_ = cpu.is_stepping() ||
                   ((guest.cpu().regs().rflags & rflags_tf) != 0 && !std::holds_alternative<kvm::DebugExit>(exit));
}

void StaleTrap::drop(Guest& guest) {
    if (!std::exchange(may_be_left_, false)) return;
    auto& cpu = guest.cpu();
    const auto regs = cpu.regs();
    const auto sregs = cpu.sregs();
    const auto events = cpu.events();
    constexpr int max_traps = 4;  // traps that can come before one instruction
    constexpr std::byte nop{0x90};
    auto& harness = guest.harness_code();
    harness.prepare(std::span(&nop, 1), {});
    for (int i = 0; i < max_traps && guest.rip() == harness.address(); ++i) {
        cpu.set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
        harness.run_prepared();
    }
    cpu.set_guest_debug(0);
    cpu.set_regs(regs);
    guest.set_sregs(sregs);
    cpu.set_events(events);
}

}  // namespace gatecrash::vm::quirks
