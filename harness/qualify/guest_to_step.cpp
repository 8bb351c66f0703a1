#include "guest_to_step.hpp"

#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/tiny_guest.hpp"

namespace gatecrash::qualify {

machine::Image guest_to_step() {
    constexpr std::uint8_t vector = 0x40;
    machine::TinyGuest guest;
    auto& k = guest.kernel;
    auto& u = guest.user;
    Xbyak::Label start, handler, entry;
    k.jmp(start);
    k.L(handler);
    k.pushfq();
    k.pop(k.rbx);
    k.iretq();
    k.L(entry);
    k.pushfq();
    k.pop(k.rdx);
    k.sysretq();
    k.L(start);
    guest.handle(GATECRASH_VECTOR_BP, handler);
    guest.handle(vector, handler);
    guest.enable_syscall(entry, machine::rflags_if);
    k.pushfq();
    k.popfq();
    k.int3();
    guest.enter_user(machine::rflags_if | 2);
    u.int_(vector);
    u.syscall();
    u.push(u.r11);
    u.pushfq();
    u.doorbell(GATECRASH_PORT_END);
    return guest.build("stepped");
}

}  // namespace gatecrash::qualify
