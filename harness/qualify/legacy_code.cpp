#include "qualify/legacy_code.hpp"

#include <algorithm>
#include <array>

#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Code;
using vm::Virtual;
using Xbyak::Label;

/// A 32-bit TSS (SDM volume 3, 7.2.1): ESP0 and SS0, and no I/O bitmap.
constexpr std::uint32_t legacy_tss_size = 0x68;
constexpr std::uint32_t legacy_esp0 = vm::GuestCode::stack(0) - GATECRASH_KERNEL_BASE;

/// Makes a segment with base 0 and a limit of 4 GiB.
kvm_segment legacy_segment(unsigned selector, bool code) {
    kvm_segment segment{};
    segment.selector = static_cast<std::uint16_t>(selector);
    segment.limit = 0xffffffff;
    segment.type = code ? 11 : 3;  // execute/read or read/write, accessed
    segment.present = segment.s = segment.db = segment.g = 1;
    return segment;
}

std::uint32_t word_at(vm::Guest& guest, std::uint64_t physical) {
    return guest.memory().read<std::uint32_t>(Virtual{GATECRASH_KERNEL_BASE + physical}).value_or(0);
}

}  // namespace

std::uint32_t LegacyCode::physical_address(const Label& label) const {
    return static_cast<std::uint32_t>(kernel_address(label) - GATECRASH_KERNEL_BASE);
}

void LegacyCode::enter_user(std::uint32_t eflags) {
    kernel.push(GATECRASH_USER_SS);
    kernel.push(user_stack);
    kernel.push(eflags);
    kernel.push(GATECRASH_USER32_CS);
    kernel.push(user_text);
    kernel.bytes({0xcf});  // iret
}

void LegacyCode::enable_sysenter(const Label& entry) {
    write_msr(msr_sysenter_cs, kernel32_cs);
    write_msr(msr_sysenter_esp, kernel_stack - GATECRASH_KERNEL_BASE);
    write_msr(msr_sysenter_eip, physical_address(entry));
}

/// Emits a handler for each vector. It brings the stack into this form, and rings FATAL:
///
///     ESP + 12  CS
///     ESP +  8  EIP
///     ESP +  4  error code, or 0
///     ESP       vector
void LegacyCode::emit_tables() {
    auto& k = kernel;
    Label rings_fatal;
    std::array<std::uint32_t, vectors> handlers{};
    for (unsigned vector = 0; vector < vectors; ++vector) {
        Label handler;
        k.L(handler);
        if (!vm::pushes_error_code(vector)) k.push(0);
        k.push(vector);
        k.jmp(rings_fatal, Code::T_NEAR);
        handlers.at(vector) = physical_address(handler);
    }
    k.L(rings_fatal);
    k.doorbell(GATECRASH_PORT_FATAL);

    k.L(idt_);
    for (const auto handler : handlers) {
        constexpr std::uint32_t present_dpl3_interrupt_gate = 0xee00;  // SDM volume 3, 6.11
        k.dd(kernel32_cs << 16 | (handler & 0xffff));
        k.dd((handler & 0xffff0000) | present_dpl3_interrupt_gate);
    }
    k.L(tss_);
    k.dd(0);
    k.dd(legacy_esp0);
    k.dd(GATECRASH_KERNEL_SS);
    for (auto offset = 12U; offset < legacy_tss_size; offset += 4) k.dd(0);
}

void LegacyCode::enter_legacy_mode(vm::Guest& guest) const {
    constexpr std::uint64_t cr0_pg = 0x80000000, cr4_pae = 0x20;
    auto sregs = guest.cpu().sregs();
    sregs.cr0 &= ~cr0_pg;
    sregs.cr4 &= ~cr4_pae;
    sregs.efer = 0;
    sregs.cs = legacy_segment(kernel32_cs, true);
    sregs.ss = sregs.ds = sregs.es = sregs.fs = sregs.gs = legacy_segment(GATECRASH_KERNEL_SS, false);
    sregs.gdt.base -= GATECRASH_KERNEL_BASE;
    sregs.idt.base = physical_address(idt_);
    sregs.idt.limit = vectors * 8 - 1;
    sregs.tr.base = physical_address(tss_);
    sregs.tr.limit = legacy_tss_size - 1;
    guest.set_sregs(sregs);
    auto regs = guest.cpu().regs();
    regs.rip -= GATECRASH_KERNEL_BASE;
    regs.rsp -= GATECRASH_KERNEL_BASE;
    guest.cpu().set_regs(regs);
}

LegacyCode::End LegacyCode::run(Bench& bench) {
    emit_tables();
    auto& guest = bench.load(build("qualify"));
    enter_legacy_mode(guest);
    End end;
    const auto outcome = run_bounded(guest);
    end.regs = guest.cpu().regs();
    // Guest::outcome_of(), which expects 64-bit guests, does not see a doorbell here: the image has no text at this
    // RIP.
    const auto* port = std::get_if<vm::BadPort>(&outcome);
    end.ended_well = port != nullptr && port->port == GATECRASH_PORT_END;
    if (end.ended_well) return end;
    if (port == nullptr || port->port != GATECRASH_PORT_FATAL) {
        end.otherwise = outcome;
        return end;
    }
    end.vector = word_at(guest, end.regs.rsp);
    end.error = word_at(guest, end.regs.rsp + 4);
    end.eip = word_at(guest, end.regs.rsp + 8);
    end.cs = word_at(guest, end.regs.rsp + 12);
    return end;
}

Answer LegacyCode::tell(const End& end) const {
    if (end.ended_well) return {Statement::no_event};
    if (end.otherwise) return {Ended{*end.otherwise}};
    const auto found = std::ranges::find(names_, end.eip, &Name::address);
    const Place place = found == names_.end() ? Place(Unnamed{end.eip}) : found->place;
    return {Delivery{end.vector, place, {.cpl = end.cs & 3}}};
}

}  // namespace gatecrash::qualify
