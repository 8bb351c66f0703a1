#include "kernel/kernel_trace.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "sweep/check/kept_state.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::uint64_t users_tables = 1 << 12;  ///< in CR3: Linux with page table isolation

bool is_kernels(std::uint64_t address) { return address >> 63 != 0; }

}  // namespace

KernelTrace::KernelTrace(KernelGuest& guest, const vm::SymbolTable& symbols, const sweep::TraceSink& sink)
    : guest_(guest), symbols_(symbols), sink_(sink) {
    if (sink_)
        sink_("# boundary  CPL  N: NMIs masked, n: one latched, i: interrupts on, k/u: GS base, K/U: page tables");
}

void KernelTrace::lands(vm::Event event) {
    has_landed_ = true;
    if (sink_) sink_(fmt::format(">>> {} lands at {}", sweep::to_string(event), symbols_.name_of(guest_.rip())));
}

std::string KernelTrace::flags() {
    const auto& events = guest_.cpu().events();
    const auto& sregs = guest_.cpu().sregs();
    const auto flag = [](bool set, char yes, char no) { return set ? yes : no; };
    return {flag(events.nmi.masked != 0, 'N', '-'), flag(events.nmi.pending != 0, 'n', '-'),
            flag((guest_.cpu().regs().rflags & vm::rflags_if) != 0, 'i', '-'),
            flag(is_kernels(sregs.gs.base), 'k', 'u'), flag((sregs.cr3 & users_tables) != 0, 'U', 'K')};
}

void KernelTrace::before_step() {
    if (!sink_) return;
    std::array<std::byte, vm::Instruction::max_length> bytes{};
    const auto readable = guest_.read(guest_.rip(), bytes);
    const auto text =
        vm::disassemble(std::span(bytes).first(readable), guest_.rip(), vm::code_size(guest_.cpu().sregs().cs));
    before_ = guest_.cpu().regs();
    cr3_ = guest_.cpu().sregs().cr3;
    const auto name = is_kernels(before_.rip) ? symbols_.name_of(guest_.rip()) : fmt::format("{:#x}", before_.rip);
    line_ = fmt::format("{:>5}  {:<36} {} {}  {}", number_, name, guest_.cpl(), flags(), text);
}

void KernelTrace::after_step(const KernelStepper::Step& step) {
    if (!sink_) return;
    auto changed = step.delivered || step.end ? std::string() : sweep::changed_registers(before_, guest_.cpu().regs());
    if (!step.end && guest_.cpu().sregs().cr3 != cr3_) changed += fmt::format(" CR3={:#x}", guest_.cpu().sregs().cr3);
    // An event that has just landed comes before the instruction.
    const bool is_executed = !(has_landed_ && step.delivered);
    has_landed_ = false;
    if (is_executed) {
        sink_(line_ + (changed.empty() ? "" : "  ;" + changed));
        ++number_;
    }
    if (step.delivered) {
        const auto rsp = guest_.cpu().regs().rsp;
        const std::uint64_t first = rsp % 16 == 0 ? 8 : 0;  // the CPU aligned RSP, and pushed five words or six
        const auto word = [&](std::uint64_t i) { return guest_.word_at(vm::Virtual{rsp + first + i * 8}).value_or(0); };
        const auto back = word(0);
        sink_(fmt::format(
            "=== vector {} goes to {}: frame at {:#x}, back to {} CS {:#x} RSP {:#x} RFLAGS {:#x}{}", *step.delivered,
            symbols_.name_of(guest_.rip()), rsp,
            is_kernels(back) ? symbols_.name_of(vm::Virtual{back}) : fmt::format("{:#x}", back), word(1), word(3),
            word(2),
            *step.delivered == GATECRASH_VECTOR_PF ? fmt::format(", CR2 {:#x}", guest_.cpu().sregs().cr2) : ""));
    }
    if (step.end) sink_(fmt::format("--- the kernel {}", describe(*step.end)));
}

}  // namespace gatecrash::kernel
