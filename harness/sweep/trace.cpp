#include "sweep/trace.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sweep/check/frame_tracker.hpp"
#include "sweep/trace_text.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

/// Describes CR2, such as ", CR2 0xffffffff80010570 (exception_body)".
std::string describe_cr2(Guest& guest) {
    const Virtual address{guest.cpu().sregs().cr2};
    const auto& image = guest.image();
    const bool is_known = image.segment_at(address) != nullptr;
    return fmt::format(", CR2 {:#x}{}", number(address),
                       is_known ? fmt::format(" ({})", image.symbols.name_of(address)) : "");
}

/// Describes SSP, such as ", SSP 0xffffffff80074fd8". Returns nothing for a guest without shadow stacks.
std::string describe_ssp(Guest& guest) {
    const auto ssp = guest.shadow_stack_pointer();
    return ssp == 0 ? "" : fmt::format(", SSP {:#x}", ssp);
}

}  // namespace

TraceObserver::TraceObserver(Guest& guest, const TraceSink& sink) : sink_(sink) {
    if (!sink_) return;
    sink_(fmt::format("{}: {}", guest.image().name, trace_header(guest.image().is_64_bit() ? "GS" : "FS")));
}

void TraceObserver::lands(Guest& guest, vm::Event event) {
    end_line();
    sink_(fmt::format(">>> {} lands at {}{}", to_string(event), guest.image().symbols.name_of(guest.rip()),
                      guest.can_deliver(event) ? "" : " (latched: it cannot be delivered yet)"));
}

void TraceObserver::before_step(Guest& guest) {
    if (guest.delivery_due()) return end_line();
    const auto& regs = guest.cpu().regs();
    if (line_ && line_->rip == regs.rip && line_->iterations != 0) return;  // the line counts its iterations
    end_line();
    begin_line(guest);
}

void TraceObserver::begin_line(Guest& guest) {
    const auto& regs = guest.cpu().regs();
    const auto& sregs = guest.cpu().sregs();
    const auto& events = guest.cpu().events();
    const auto& per_cpu = guest.image().is_64_bit() ? sregs.gs : sregs.fs;
    const bool user_root = vm::Physical{sregs.cr3 & vm::cr3_address} == guest.memory().user_page_table_root();
    const Virtual rip{regs.rip};
    // A line shows only the first of several labels. A reader may know the code by another.
    if (const auto names = guest.image().symbols.names_at(rip); names.size() > 1) {
        sink_(fmt::format("       {}:", fmt::join(names, ", ")));
    }
    const auto instruction = guest.next_instruction();
    const auto text = vm::disassemble(guest.text_at(rip), rip, vm::code_size(sregs.cs));
    const TraceColumns columns{.number = number_++,
                               .place = guest.image().symbols.name_of(rip),
                               .cpl = guest.cpl(),
                               .stack = guest.image().stack_of(number(guest.stack_pointer())),
                               .masks_nmis = events.nmi.masked != 0,
                               .has_latched_nmi = events.nmi.pending != 0,
                               .has_interrupts_on = (regs.rflags & vm::rflags_if) != 0,
                               .has_users_base = guest.image().is_user(Virtual{per_cpu.base}),
                               .has_users_tables = user_root};
    line_ = Line{fmt::format("{}  {}", to_string(columns), with_target(guest.image().symbols, text)),
                 regs.rip,
                 regs,
                 sregs.cr3,
                 guest.shadow_stack_pointer(),
                 instruction && instruction->kind == vm::Kind::repeated_string};
}

void TraceObserver::end_line() {
    if (!line_) return;
    const auto iterations = line_->iterations > 1 ? fmt::format("  {} iterations", line_->iterations) : "";
    sink_(line_->text + iterations + (line_->changed.empty() ? "" : "  ;" + line_->changed));
    line_.reset();
}

void TraceObserver::after_step(Guest& guest, const vm::Step& step) {
    if (line_) {
        const auto& regs = guest.cpu().regs();
        const auto cr3 = guest.cpu().sregs().cr3;
        line_->changed = step.delivered ? "" : changed_registers(line_->before, regs, guest.image().is_64_bit());
        if (cr3 != line_->cr3) line_->changed += fmt::format(" CR3={:#x}", cr3);
        if (const auto ssp = guest.shadow_stack_pointer(); ssp != line_->ssp && !step.delivered) {
            line_->changed += fmt::format(" SSP={:#x}", ssp);
        }
        if (line_->repeats && !step.delivered) ++line_->iterations;
    }
    if (step.delivered) {
        end_line();
        const auto& symbols = guest.image().symbols;
        const auto rsp = number(guest.stack_pointer());
        const auto frame = pushed_frame(guest, *step.delivered);
        const auto error = pushed_error_code(guest, *step.delivered);
        sink_(fmt::format("=== vector {} goes to {}: frame at {:#x} on stack {}{}{}{}{}", *step.delivered,
                          symbols.name_of(guest.rip()), rsp, guest.image().stack_of(rsp),
                          frame
                              ? fmt::format(", back to {} CS {:#x} RSP {:#x} RFLAGS {:#x}",
                                            symbols.name_of(Virtual{frame->rip}), frame->cs, frame->rsp, frame->rflags)
                              : "",
                          error ? fmt::format(", error code {:#x}", *error) : "",
                          step.delivered == GATECRASH_VECTOR_PF ? describe_cr2(guest) : "", describe_ssp(guest)));
    }
    if (step.end) {
        end_line();
        sink_(fmt::format("--- {}", describe(*step.end)));
    }
}

void TraceObserver::breaks(const Violation& violation) {
    end_line();
    sink_("!!! " + describe(violation));
}

}  // namespace gatecrash::sweep
