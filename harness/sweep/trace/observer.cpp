#include "sweep/trace/observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sweep/check/frame_tracker.hpp"
#include "vm/vectors.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

std::optional<std::uint64_t> word_at(Guest& guest, std::uint64_t address) {
    if (guest.image().is_64_bit()) return guest.memory().read<std::uint64_t>(Virtual{address});
    return guest.memory().read<std::uint32_t>(Virtual{address});
}

/// Returns the name of an address that the image contains. Empty for others.
std::string name_in(const vm::Image& image, Virtual address) {
    return image.segment_at(address) == nullptr ? "" : image.symbols.name_of(address);
}

FrameReader reader_of(Guest& guest) {
    const auto& image = guest.image();
    return {.word_size = image.word_size,
            .word = [&guest](std::uint64_t address) { return word_at(guest, address); },
            .name =
                [&image](std::uint64_t code) {
                    auto name = name_in(image, Virtual{code});
                    return name.empty() ? fmt::format("{:#x}", code) : name;
                },
            .stack = [&image](std::uint64_t rsp) { return image.stack_of(rsp); }};
}

/// Describes CR2, such as ", CR2 0xffffffff80010570 (exception_body)".
std::string describe_cr2(Guest& guest) {
    const Virtual address{guest.cpu().sregs().cr2};
    const auto name = name_in(guest.image(), address);
    return fmt::format(", CR2 {:#x}{}", number(address), name.empty() ? "" : fmt::format(" ({})", name));
}

/// Describes SSP, such as ", SSP 0xffffffff80074fd8". Returns nothing for a guest without shadow stacks.
std::string describe_ssp(Guest& guest) {
    const auto ssp = guest.shadow_stack_pointer();
    return ssp == 0 ? "" : fmt::format(", SSP {:#x}", ssp);
}

/// Names the places that registers of the next instruction point to. Stacks have no symbols.
std::vector<std::string> operands_of(Guest& guest) {
    const auto& image = guest.image();
    std::vector<std::string> names;
    const auto accesses =
        vm::memory_accesses(guest.text_at(guest.rip()), guest.rip(), guest.cpu().regs(), guest.cpu().sregs());
    for (const auto& access : accesses) {
        if (!access.is_computed || image.stack_of(access.address) != "?") continue;
        if (auto name = name_in(image, Virtual{access.address}); !name.empty()) names.push_back(std::move(name));
    }
    return names;
}

}  // namespace

TraceObserver::TraceObserver(Guest& guest, const TraceSink& sink) : sink_(sink), frames_(reader_of(guest)) {
    if (sink_) sink_(TraceStart{guest.image().name, guest.image().is_64_bit() ? "GS base" : "FS base"});
}

void TraceObserver::lands(Guest& guest, vm::Event event, bool is_of_workload) {
    end_instruction();
    const auto& image = guest.image();
    sink_(TracedLanding{.event = to_string(event),
                        .place = image.symbols.name_of(guest.rip()),
                        .is_latched = !guest.can_deliver(event),
                        .is_of_workload = is_of_workload,
                        .kernel_stack = guest.cpl() == 0 ? image.stack_of(number(guest.stack_pointer())) : ""});
}

void TraceObserver::before_step(Guest& guest) {
    masks_nmis_ = guest.cpu().events().nmi.masked != 0;
    place_ = guest.image().symbols.name_of(guest.rip());
    if (guest.delivery_due()) return end_instruction();
    // All iterations are one instruction.
    if (current_ && current_->before.rip == guest.cpu().regs().rip && current_->item.iterations != 0) return;
    end_instruction();
    begin_instruction(guest);
}

void TraceObserver::begin_instruction(Guest& guest) {
    const auto& regs = guest.cpu().regs();
    const auto& sregs = guest.cpu().sregs();
    const auto& events = guest.cpu().events();
    const auto& image = guest.image();
    const auto& per_cpu = image.is_64_bit() ? sregs.gs : sregs.fs;
    const Virtual rip{regs.rip};
    auto names = image.symbols.names_at(rip);
    if (names.size() < 2) names.clear();
    const auto instruction = guest.next_instruction();
    const auto name = [&](const vm::NamedAddress& at) {
        return at.is_per_cpu ? name_in(image, Virtual{number(at.address) + per_cpu.base}) : name_in(image, at.address);
    };
    const bool user_root = vm::Physical{sregs.cr3 & vm::cr3_address} == guest.memory().user_page_table_root();
    // With NT, IRET in legacy mode switches tasks and pops nothing (SDM volume 3, 7.3).
    const bool switches_tasks = !image.is_64_bit() && (regs.rflags & (vm::rflags_nt | vm::rflags_vm)) == vm::rflags_nt;
    if (instruction && instruction->kind == vm::Kind::iret && !switches_tasks)
        frames_.before_return(place_, number(guest.stack_pointer()));
    current_ =
        Current{.item = {.number = number_++,
                         .address = rip,
                         .place = place_,
                         .labels = std::move(names),
                         .cpl = guest.cpl(),
                         .stack = image.stack_of(number(guest.stack_pointer())),
                         .masks_nmis = masks_nmis_,
                         .has_latched_nmi = events.nmi.pending != 0,
                         .has_interrupts_on = (regs.rflags & vm::rflags_if) != 0,
                         .has_users_base = image.is_user(Virtual{per_cpu.base}),
                         .has_users_tables = user_root,
                         .text = vm::disassemble(guest.text_at(rip), rip, vm::code_size(sregs.cs), sink_.syntax, name),
                         .operands = operands_of(guest)},
                .before = regs,
                .cr3 = sregs.cr3,
                .ssp = guest.shadow_stack_pointer(),
                .repeats = instruction && instruction->kind == vm::Kind::repeated_string};
}

void TraceObserver::end_instruction() {
    if (!current_) return;
    sink_(current_->item);
    for (const auto& change : current_->changes) sink_(change);
    current_.reset();
}

void TraceObserver::note_changes(Guest& guest, const vm::Step& step) {
    auto& changed = current_->item.changed;
    const auto cr3 = guest.cpu().sregs().cr3;
    changed = step.delivered ? "" : changed_registers(current_->before, guest.cpu().regs(), guest.image().is_64_bit());
    if (cr3 != current_->cr3) changed += fmt::format(" CR3={:#x}", cr3);
    if (const auto ssp = guest.shadow_stack_pointer(); ssp != current_->ssp && !step.delivered) {
        changed += fmt::format(" SSP={:#x}", ssp);
    }
    if (current_->repeats && !step.delivered) ++current_->item.iterations;
}

void TraceObserver::note_return(Guest& guest, const vm::Step& step) {
    // An IRET that faults has returned nowhere: the exception's frame leads back to it.
    const auto pushed =
        step.delivered && vm::is_exception(*step.delivered) ? pushed_frame(guest, *step.delivered) : std::nullopt;
    const bool faults = current_ && pushed && pushed->rip == current_->before.rip;
    auto item = frames_.after_return(faults);
    if (!item) return;
    item->unmasks_nmis = masks_nmis_ && guest.cpu().events().nmi.masked == 0;
    end_instruction();
    sink_(*item);
}

void TraceObserver::delivers(Guest& guest, std::uint8_t vector) {
    const auto& image = guest.image();
    const auto rsp = number(guest.stack_pointer());
    const auto error = pushed_error_code(guest, vector);
    const auto address = rsp + (error ? image.word_size : 0);
    auto [number, words] = frames_.push(address);
    sink_(TracedDelivery{.vector = vector,
                         .to = image.symbols.name_of(guest.rip()),
                         .frame = number,
                         .address = address,
                         .stack = image.stack_of(rsp),
                         .words = std::move(words),
                         .error_code = error,
                         .more = (vector == GATECRASH_VECTOR_PF ? describe_cr2(guest) : "") + describe_ssp(guest)});
}

void TraceObserver::after_step(Guest& guest, const vm::Step& step) {
    if (current_) note_changes(guest, step);
    if (step.end && std::holds_alternative<vm::TripleFault>(*step.end)) {
        end_instruction();
        return sink_(TraceEnd{describe(*step.end)});
    }
    note_return(guest, step);
    const auto actor =
        step.delivered ? fmt::format("the delivery of vector {} at {}", *step.delivered, place_) : place_;
    auto changes = frames_.changes(actor);
    if (step.delivered || step.end) end_instruction();
    if (step.delivered) delivers(guest, *step.delivered);
    if (current_) {
        // The iterations of a REP stay together.
        std::ranges::move(changes, std::back_inserter(current_->changes));
    } else {
        for (const auto& change : changes) sink_(change);
    }
    if (!step.delivered) {
        frames_.give_up_finished(guest.cpl() == 3, number(guest.rip()), number(guest.stack_pointer()));
    }
    if (step.end) sink_(TraceEnd{describe(*step.end)});
}

void TraceObserver::breaks(const Violation& violation) {
    end_instruction();
    sink_(TracedViolation{violation});
}

}  // namespace gatecrash::sweep
