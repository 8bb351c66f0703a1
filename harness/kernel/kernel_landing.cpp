#include "kernel/kernel_landing.hpp"

#include "vm/state/debug_registers.hpp"

namespace gatecrash::kernel {

std::uint8_t vector_of(const KernelFacts& facts, const vm::Event& event) {
    return event == vm::Event::irq() ? facts.irq_vector : event.vector;
}

bool lands_on_kernels(const vm::Event& event) {
    using Kind = vm::Event::Kind;
    return event.kind == Kind::nmi || event.kind == Kind::irq || event == vm::Event::db();
}

void land(KernelGuest& guest, const KernelFacts& facts, const vm::Event& event) {
    if (event.kind == vm::Event::Kind::irq) return guest.interrupt(vector_of(facts, event));
    auto& cpu = guest.cpu();
    auto events = cpu.events();
    if (event.kind == vm::Event::Kind::nmi) {
        events.nmi.pending = 1;
        events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    } else {
        auto registers = cpu.debug_registers();
        registers.dr6 |= vm::dr6_b0;
        cpu.set_debug_registers(registers);
        events.exception.injected = 1;
        events.exception.nr = event.vector;
        events.exception.has_error_code = 0;
    }
    cpu.set_events(events);
}

}  // namespace gatecrash::kernel
