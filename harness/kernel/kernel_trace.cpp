#include "kernel/kernel_trace.hpp"

#include <fmt/format.h>

#include <array>

#include "kernel/delivery_frame.hpp"
#include "sweep/check/kept_state.hpp"
#include "sweep/schedule.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/vectors.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::uint64_t users_tables = 1 << 12;  ///< in CR3: Linux with page table isolation

/// True if an IRET pops a frame. With NT, one in legacy mode switches tasks (SDM volume 3, 7.3).
bool pops_frame(const vm::Instruction& instruction, const kvm_regs& regs, const kvm_sregs& sregs) {
    const bool switches_tasks =
        !vm::is_long_mode(sregs) && (regs.rflags & (vm::rflags_nt | vm::rflags_vm)) == vm::rflags_nt;
    return instruction.kind == vm::Kind::iret && !switches_tasks;
}

/// True if a program's data is where a kernel needs its own. In long mode the sign of the GS base shows it. A kernel in
/// legacy mode has segments of its own, which have privilege level 0.
bool has_users_data(const kvm_sregs& sregs) {
    constexpr std::uint16_t level = 3;
    if (vm::is_long_mode(sregs)) return sregs.gs.base >> 63 == 0;
    const bool is_null = (sregs.ds.selector & ~level) == 0;
    return is_null || (sregs.ds.selector & level) != 0;
}

/// Lists the selectors of data that differ, such as " DS=0x10".
std::string changed_selectors(const kvm_sregs& before, const kvm_sregs& after) {
    struct Register {
        const char* name;
        kvm_segment kvm_sregs::*segment;
    };
    std::string text;
    for (const auto& [name, segment] : {Register{"DS", &kvm_sregs::ds}, Register{"ES", &kvm_sregs::es},
                                        Register{"FS", &kvm_sregs::fs}, Register{"GS", &kvm_sregs::gs}}) {
        const auto now = (after.*segment).selector;
        if (now != (before.*segment).selector) text += fmt::format(" {}={:#x}", name, now);
    }
    return text;
}

}  // namespace

KernelTrace::KernelTrace(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols,
                         const sweep::TraceSink& sink)
    : guest_(guest), facts_(facts), symbols_(symbols), sink_(sink), stacks_(guest, facts), frames_(reader()) {
    if (sink_)
        sink_(
            sweep::TraceStart{"", vm::is_long_mode(guest.cpu().sregs()) ? "GS base" : sweep::TraceStart::data_segment});
}

sweep::FrameReader KernelTrace::reader() {
    const auto word = vm::frame_word(guest_.cpu().sregs());
    return {.word_size = word,
            .word = [this, word](std::uint64_t address) { return guest_.word_at(vm::Virtual{address}, word); },
            .name = [this](std::uint64_t code) { return name_of(code); },
            .stack = [this](std::uint64_t rsp) { return stacks_.stack_of(rsp); }};
}

bool KernelTrace::is_kernels(std::uint64_t address) const { return !facts_.programs.contains(vm::Virtual{address}); }

std::string KernelTrace::name_of(std::uint64_t address) const {
    // Per-CPU symbols have the addresses of programs.
    return is_kernels(address) ? symbols_.name_of(vm::Virtual{address}) : fmt::format("{:#x}", address);
}

/// Names an address that an instruction of the kernel contains.
std::string KernelTrace::name_in_text(const vm::NamedAddress& at) const {
    if (!is_kernels(before_.rip)) return "";
    return at.is_per_cpu || is_kernels(number(at.address)) ? symbols_.name_of(at.address) : "";
}

/// Names the places in the kernel's image that registers point to. Other memory has no symbols.
std::vector<std::string> KernelTrace::operands_of(std::span<const std::byte> code) {
    std::vector<std::string> names;
    for (const auto& access : vm::memory_accesses(code, guest_.rip(), before_, guest_.cpu().sregs())) {
        if (access.is_computed && facts_.image.contains(vm::Virtual{access.address}))
            names.push_back(name_of(access.address));
    }
    return names;
}

void KernelTrace::lands(vm::Event event) {
    has_landed_db_ = event.kind == vm::Event::Kind::db;
    if (!sink_) return;
    const bool is_latched = !vm::can_deliver(guest_.cpu().regs(), guest_.cpu().events(), event);
    sink_(sweep::TracedLanding{
        .event = sweep::to_string(event),
        .place = symbols_.name_of(guest_.rip()),
        .is_latched = is_latched,
        .kernel_stack = guest_.cpl() == 0 ? stacks_.stack_of(number(guest_.stack_pointer())) : ""});
}

void KernelTrace::before_step() {
    if (!sink_) return;
    std::array<std::byte, vm::Instruction::max_length> bytes{};
    const auto code = std::span(bytes).first(guest_.read_own_code(guest_.rip(), bytes));
    const auto& events = guest_.cpu().events();
    const auto& sregs = guest_.cpu().sregs();
    before_ = guest_.cpu().regs();
    sregs_before_ = sregs;
    const auto size = vm::code_size(sregs.cs);
    const bool has_programs = facts_.programs != AddressRange{};
    const auto instruction = vm::decode(code, guest_.rip(), size);
    item_ = {.number = number_,
             .address = guest_.rip(),
             .place = fmt::format("{:<36}", name_of(number(guest_.rip()))),
             .labels = {},
             .cpl = guest_.cpl(),
             .stack = stacks_.stack_of(number(guest_.stack_pointer())),
             .masks_nmis = events.nmi.masked != 0,
             .has_latched_nmi = events.nmi.pending != 0,
             .has_interrupts_on = (before_.rflags & vm::rflags_if) != 0,
             .has_users_base = has_users_data(sregs),
             .has_users_tables = has_programs && (sregs.cr3 & users_tables) != 0,
             .text = vm::disassemble(code, guest_.rip(), size, sink_.syntax,
                                     [this](const vm::NamedAddress& at) { return name_in_text(at); }),
             .operands = operands_of(code)};
    if (instruction && pops_frame(*instruction, before_, sregs))
        frames_.before_return(name_of(number(guest_.rip())), number(guest_.stack_pointer()));
}

void KernelTrace::after_step(const KernelStepper::Step& step) {
    if (!sink_) return;
    const auto& sregs = guest_.cpu().sregs();
    if (!step.delivered && !step.end) {
        item_.changed = sweep::changed_registers(before_, guest_.cpu().regs(), vm::is_long_mode(sregs)) +
                        changed_selectors(sregs_before_, sregs);
    }
    if (!step.end && sregs.cr3 != sregs_before_.cr3) item_.changed += fmt::format(" CR3={:#x}", sregs.cr3);
    // An event comes before the instruction, and an exception is raised by it.
    const bool comes_before = step.delivered && (has_landed_db_ || !vm::is_exception(*step.delivered));
    has_landed_db_ = false;
    if (comes_before) {
        frames_.forget_return();
    } else {
        sink_(item_);
        ++number_;
    }
    if (step.end) return sink_(sweep::TraceEnd{fmt::format("the kernel {}", describe(*step.end))});
    const auto place = name_of(number(item_.address));
    // An IRET that faults has returned nowhere: the exception's frame leads back to it.
    const bool faults = step.delivered && pushed_frame(guest_, *step.delivered).rip == before_.rip;
    if (auto item = frames_.after_return(faults)) {
        item->unmasks_nmis = item_.masks_nmis && guest_.cpu().events().nmi.masked == 0;
        sink_(*item);
    }
    const auto changes = frames_.changes(
        step.delivered ? fmt::format("the delivery of vector {} at {}", *step.delivered, place) : place);
    if (step.delivered) delivers(*step.delivered);
    for (const auto& change : changes) sink_(change);
    if (!step.delivered)
        frames_.give_up_finished(guest_.cpl() == 3, number(guest_.rip()), number(guest_.stack_pointer()));
}

void KernelTrace::delivers(std::uint8_t vector) {
    const auto pushed = pushed_frame(guest_, vector);
    auto [frame, words] = frames_.push(number(pushed.address));
    sink_(sweep::TracedDelivery{
        .vector = vector,
        .to = name_of(number(guest_.rip())),
        .frame = frame,
        .address = number(pushed.address),
        .stack = stacks_.stack_of(number(guest_.stack_pointer())),
        .words = std::move(words),
        .error_code = pushed.error_code,
        .more = vector == GATECRASH_VECTOR_PF ? fmt::format(", CR2 {:#x}", guest_.cpu().sregs().cr2) : ""});
}

}  // namespace gatecrash::kernel
