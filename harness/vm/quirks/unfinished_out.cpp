#include "vm/quirks/unfinished_out.hpp"

#include <utility>

#include "vm/guest.hpp"
#include "vm/quirks/leftover_shadow.hpp"

namespace gatecrash::vm::quirks {

bool UnfinishedOut::finish(Guest& guest, const kvm::IoExit& io) {
    const auto instruction = guest.next_instruction();
    if (!io.is_out || !instruction || instruction->kind != Kind::out) {
        guest.cpu().complete_exit();
        return false;
    }
    auto regs = guest.cpu().regs();
    address_ = regs.rip;
    regs.rip += instruction->length;
    regs.rflags &= ~rflags_rf;  // RF is for one instruction, which is done
    guest.cpu().set_regs(regs);
    end_shadow(guest.cpu());
    return io.size == 1;
}

void UnfinishedOut::forget(Guest& guest) {
    const auto address = std::exchange(address_, std::nullopt);
    auto& cpu = guest.cpu();
    const auto regs = cpu.regs();
    if (address != regs.rip) return;
    const auto events = cpu.events();
    cpu.complete_exit();
    cpu.set_regs(regs);
    cpu.set_events(events);
}

void UnfinishedOut::complete(Guest& guest) {
    if (address_) guest.cpu().complete_exit();
}

}  // namespace gatecrash::vm::quirks
