#include "qualify/guest_to_step.hpp"

#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"

namespace gatecrash::qualify {

vm::Image guest_to_step() {
    constexpr std::uint8_t vector = 0x40;
    vm::GuestCode guest;
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
    guest.enable_syscall(entry, vm::rflags_if);
    k.pushfq();
    k.popfq();
    k.int3();
    guest.enter_user(vm::rflags_if | 2);
    u.int_(vector);
    u.syscall();
    u.push(u.r11);
    u.pushfq();
    u.doorbell(GATECRASH_PORT_END);
    return guest.build("stepped");
}

}  // namespace gatecrash::qualify
