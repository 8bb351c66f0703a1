#include "trace.hpp"

#include <fmt/format.h>

#include "frame_tracker.hpp"

namespace gatecrash::explore {

using machine::Machine;
using machine::Virtual;

TraceObserver::TraceObserver(Machine& machine, const TraceSink& sink) : sink_(sink) {
    if (!sink_) return;
    sink_(fmt::format("{}: # boundary  CPL stack  N: NMIs masked, n: one latched, i: interrupts on, k/u: {} base",
                      machine.image().name, machine.image().is_64_bit() ? "GS" : "FS"));
}

void TraceObserver::lands(Machine& machine, machine::Event event) {
    sink_(fmt::format(">>> {} lands at {}{}", to_string(event), machine.image().symbols.name_of(machine.rip()),
                      machine.can_deliver(event) ? "" : " (latched: it cannot be delivered yet)"));
}

void TraceObserver::before_step(Machine& machine) {
    if (machine.delivery_due()) return;
    const auto& regs = machine.cpu().regs();
    const auto& sregs = machine.cpu().sregs();
    const auto& events = machine.cpu().events();
    const auto& per_cpu = machine.image().is_64_bit() ? sregs.gs : sregs.fs;
    const Virtual rip{regs.rip};
    sink_(fmt::format("{:>5}  {:<28} {} {:<5} {}{}{}{}  {}", line_++, machine.image().symbols.name_of(rip),
                      machine.cpl(), machine.image().stack_of(number(machine.stack_pointer())),
                      events.nmi.masked != 0 ? 'N' : '-', events.nmi.pending != 0 ? 'n' : '-',
                      (regs.rflags & machine::rflags_if) != 0 ? 'i' : '-',
                      machine.image().is_user(Virtual{per_cpu.base}) ? 'u' : 'k',
                      machine::disassemble(machine.text_at(rip), rip, machine::code_size(sregs.cs))));
}

void TraceObserver::after_step(Machine& machine, const machine::Step& step) {
    if (step.delivered) {
        const auto rsp = number(machine.stack_pointer());
        const auto frame = pushed_frame(machine, *step.delivered);
        const auto& symbols = machine.image().symbols;
        sink_(fmt::format("=== vector {} goes to {}: frame at {:#x} on stack {}{}", *step.delivered,
                          symbols.name_of(machine.rip()), rsp, machine.image().stack_of(rsp),
                          frame
                              ? fmt::format(", back to {} CS {:#x} RSP {:#x} RFLAGS {:#x}",
                                            symbols.name_of(Virtual{frame->rip}), frame->cs, frame->rsp, frame->rflags)
                              : ""));
    }
    if (step.end) sink_(fmt::format("--- {}", describe(*step.end)));
}

}  // namespace gatecrash::explore
