#include "kernel/kernel_trace.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>

#include "sweep/check/kept_state.hpp"
#include "sweep/trace_text.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::uint64_t users_tables = 1 << 12;  ///< in CR3: Linux with page table isolation

constexpr char address_mark = '@';

}  // namespace

std::string address_line(vm::Virtual address) { return fmt::format("{}{:016x}", address_mark, number(address)); }

std::optional<vm::Virtual> address_in(std::string_view line) {
    constexpr std::size_t length = 17;
    std::uint64_t address = 0;
    if (line.size() != length || line.front() != address_mark) return std::nullopt;
    const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), address, 16);
    if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
    return vm::Virtual{address};
}

KernelTrace::KernelTrace(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols,
                         const sweep::TraceSink& sink)
    : guest_(guest), facts_(facts), symbols_(symbols), sink_(sink), stacks_(guest, facts) {
    if (sink_) sink_(sweep::trace_header("GS"));
}

bool KernelTrace::is_kernels(std::uint64_t address) const { return !facts_.programs.contains(vm::Virtual{address}); }

std::string KernelTrace::name_of(std::uint64_t address) const {
    // Per-CPU symbols have the addresses of programs.
    return is_kernels(address) ? symbols_.name_of(vm::Virtual{address}) : fmt::format("{:#x}", address);
}

void KernelTrace::lands(vm::Event event) {
    has_landed_ = true;
    if (sink_) sink_(fmt::format(">>> {} lands at {}", sweep::to_string(event), symbols_.name_of(guest_.rip())));
}

void KernelTrace::before_step() {
    if (!sink_) return;
    std::array<std::byte, vm::Instruction::max_length> bytes{};
    const auto readable = guest_.read(guest_.rip(), bytes);
    const auto& events = guest_.cpu().events();
    const auto& sregs = guest_.cpu().sregs();
    const auto text = vm::disassemble(std::span(bytes).first(readable), guest_.rip(), vm::code_size(sregs.cs));
    before_ = guest_.cpu().regs();
    cr3_ = sregs.cr3;
    const bool has_programs = facts_.programs != AddressRange{};
    const sweep::TraceColumns columns{.number = number_,
                                      .place = fmt::format("{:<36}", name_of(before_.rip)),
                                      .cpl = guest_.cpl(),
                                      .stack = stacks_.stack_of(before_.rsp),
                                      .masks_nmis = events.nmi.masked != 0,
                                      .has_latched_nmi = events.nmi.pending != 0,
                                      .has_interrupts_on = (before_.rflags & vm::rflags_if) != 0,
                                      .has_users_base = sregs.gs.base >> 63 == 0,
                                      .has_users_tables = has_programs && (cr3_ & users_tables) != 0};
    line_ =
        fmt::format("{}  {}", to_string(columns), is_kernels(before_.rip) ? sweep::with_target(symbols_, text) : text);
}

void KernelTrace::after_step(const KernelStepper::Step& step) {
    if (!sink_) return;
    auto changed = step.delivered || step.end ? std::string() : sweep::changed_registers(before_, guest_.cpu().regs());
    if (!step.end && guest_.cpu().sregs().cr3 != cr3_) changed += fmt::format(" CR3={:#x}", guest_.cpu().sregs().cr3);
    // An event that has just landed comes before the instruction.
    const bool is_executed = !(has_landed_ && step.delivered);
    has_landed_ = false;
    if (is_executed) {
        sink_(address_line(vm::Virtual{before_.rip}));
        sink_(line_ + (changed.empty() ? "" : "  ;" + changed));
        ++number_;
    }
    if (step.delivered) {
        const auto rsp = guest_.cpu().regs().rsp;
        // The CPU aligned RSP to 16, and pushed five words, or an error code as the sixth.
        const bool has_error_code = rsp % 16 == 0;
        const auto word = [&](std::uint64_t i) { return guest_.word_at(vm::Virtual{rsp + i * 8}).value_or(0); };
        const std::uint64_t frame = has_error_code ? 1 : 0;
        sink_(fmt::format(
            "=== vector {} goes to {}: frame at {:#x} on stack {}, back to {} CS {:#x} RSP {:#x} RFLAGS "
            "{:#x}{}{}",
            *step.delivered, name_of(number(guest_.rip())), rsp, stacks_.stack_of(rsp), name_of(word(frame)),
            word(frame + 1), word(frame + 3), word(frame + 2),
            has_error_code ? fmt::format(", error code {:#x}", word(0)) : "",
            *step.delivered == GATECRASH_VECTOR_PF ? fmt::format(", CR2 {:#x}", guest_.cpu().sregs().cr2) : ""));
    }
    if (step.end) sink_(fmt::format("--- the kernel {}", describe(*step.end)));
}

}  // namespace gatecrash::kernel
