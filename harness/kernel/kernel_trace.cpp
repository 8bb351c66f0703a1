#include "kernel/kernel_trace.hpp"

#include <fmt/format.h>

#include <array>

#include "sweep/check/kept_state.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/registers.hpp"
#include "vm/vectors.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::uint64_t users_tables = 1 << 12;  ///< in CR3: Linux with page table isolation
constexpr std::uint64_t word_size = sizeof(std::uint64_t);

}  // namespace

KernelTrace::KernelTrace(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols,
                         const sweep::TraceSink& sink)
    : guest_(guest), facts_(facts), symbols_(symbols), sink_(sink), stacks_(guest, facts), frames_(reader()) {
    if (sink_) sink_(sweep::TraceStart{"", "GS"});
}

sweep::FrameReader KernelTrace::reader() {
    return {.word_size = word_size,
            .word = [this](std::uint64_t address) { return guest_.word_at(vm::Virtual{address}); },
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

/// Names the places in the kernel's image that registers point to. The image has the upper 2 GiB of addresses for
/// itself. Other memory has no symbols.
std::vector<std::string> KernelTrace::operands_of(std::span<const std::byte> code) {
    constexpr unsigned gigabytes2 = 31;
    std::vector<std::string> names;
    for (const auto& access : vm::memory_accesses(code, guest_.rip(), before_, guest_.cpu().sregs())) {
        const bool is_in_image = access.address >> gigabytes2 == number(facts_.entry_text.begin) >> gigabytes2;
        if (access.is_computed && is_in_image) names.push_back(name_of(access.address));
    }
    return names;
}

void KernelTrace::lands(vm::Event event) {
    has_landed_db_ = event.kind == vm::Event::Kind::db;
    if (!sink_) return;
    const bool is_latched = !vm::can_deliver(guest_.cpu().regs(), guest_.cpu().events(), event);
    sink_(sweep::TracedLanding{.event = sweep::to_string(event),
                               .place = symbols_.name_of(guest_.rip()),
                               .is_latched = is_latched,
                               .kernel_stack = guest_.cpl() == 0 ? stacks_.stack_of(guest_.cpu().regs().rsp) : ""});
}

void KernelTrace::before_step() {
    if (!sink_) return;
    std::array<std::byte, vm::Instruction::max_length> bytes{};
    const auto code = std::span(bytes).first(guest_.read(guest_.rip(), bytes));
    const auto& events = guest_.cpu().events();
    const auto& sregs = guest_.cpu().sregs();
    before_ = guest_.cpu().regs();
    cr3_ = sregs.cr3;
    const auto size = vm::code_size(sregs.cs);
    const bool has_programs = facts_.programs != AddressRange{};
    const auto instruction = vm::decode(code, guest_.rip(), size);
    item_ = {.number = number_,
             .address = guest_.rip(),
             .place = fmt::format("{:<36}", name_of(before_.rip)),
             .labels = {},
             .cpl = guest_.cpl(),
             .stack = stacks_.stack_of(before_.rsp),
             .masks_nmis = events.nmi.masked != 0,
             .has_latched_nmi = events.nmi.pending != 0,
             .has_interrupts_on = (before_.rflags & vm::rflags_if) != 0,
             .has_users_base = sregs.gs.base >> 63 == 0,
             .has_users_tables = has_programs && (cr3_ & users_tables) != 0,
             .text = vm::disassemble(code, guest_.rip(), size, sink_.syntax,
                                     [this](const vm::NamedAddress& at) { return name_in_text(at); }),
             .operands = operands_of(code)};
    if (instruction && instruction->kind == vm::Kind::iret) frames_.before_return(name_of(before_.rip), before_.rsp);
}

void KernelTrace::after_step(const KernelStepper::Step& step) {
    if (!sink_) return;
    if (!step.delivered && !step.end) item_.changed = sweep::changed_registers(before_, guest_.cpu().regs());
    if (!step.end && guest_.cpu().sregs().cr3 != cr3_)
        item_.changed += fmt::format(" CR3={:#x}", guest_.cpu().sregs().cr3);
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
    const auto place = name_of(before_.rip);
    // An IRET that faults has returned nowhere: the exception's frame leads back to it.
    const bool faults = step.delivered && guest_.word_at(vm::Virtual{pushed_frame()}) == before_.rip;
    if (auto item = frames_.after_return(faults)) {
        item->unmasks_nmis = item_.masks_nmis && guest_.cpu().events().nmi.masked == 0;
        sink_(*item);
    }
    const auto changes = frames_.changes(
        step.delivered ? fmt::format("the delivery of vector {} at {}", *step.delivered, place) : place);
    if (step.delivered) delivers(*step.delivered);
    for (const auto& change : changes) sink_(change);
    if (!step.delivered) frames_.give_up_finished(guest_.cpl() == 3, number(guest_.rip()), guest_.cpu().regs().rsp);
}

/// Returns the address of the frame that the CPU has just pushed. It aligned RSP to 16, and pushed five words, or an
/// error code as the sixth.
std::uint64_t KernelTrace::pushed_frame() const {
    const auto rsp = guest_.cpu().regs().rsp;
    return rsp + (rsp % 16 == 0 ? word_size : 0);
}

void KernelTrace::delivers(std::uint8_t vector) {
    const auto rsp = guest_.cpu().regs().rsp;
    const auto address = pushed_frame();
    auto [frame, words] = frames_.push(address);
    sink_(sweep::TracedDelivery{
        .vector = vector,
        .to = name_of(number(guest_.rip())),
        .frame = frame,
        .address = address,
        .stack = stacks_.stack_of(rsp),
        .words = std::move(words),
        .error_code = address != rsp ? guest_.word_at(vm::Virtual{rsp}) : std::nullopt,
        .more = vector == GATECRASH_VECTOR_PF ? fmt::format(", CR2 {:#x}", guest_.cpu().sregs().cr2) : ""});
}

}  // namespace gatecrash::kernel
