#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "vm/disassembly.hpp"
#include "vm/guest.hpp"

namespace gatecrash::vm {

std::string Guest::dump() {
    const auto& r = cpu_.regs();
    const auto& s = cpu_.sregs();
    const auto& e = cpu_.events();
    std::string text = fmt::format("vCPU of {}:\n", image_.name);
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "  rip {:016x} ({})  rflags {:08x}  CPL {}  stack {}\n", r.rip,
                   image_.symbols.name_of(Virtual{r.rip}), r.rflags, s.cs.selector & 3, image_.stack_of(r.rsp));
    fmt::format_to(out, "  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", r.rax, r.rbx, r.rcx, r.rdx);
    fmt::format_to(out, "  rsi {:016x}  rdi {:016x}  rbp {:016x}  rsp {:016x}\n", r.rsi, r.rdi, r.rbp, r.rsp);
    fmt::format_to(out, "  r8  {:016x}  r9  {:016x}  r10 {:016x}  r11 {:016x}\n", r.r8, r.r9, r.r10, r.r11);
    fmt::format_to(out, "  r12 {:016x}  r13 {:016x}  r14 {:016x}  r15 {:016x}\n", r.r12, r.r13, r.r14, r.r15);
    const auto segment = [&](const char* name, const kvm_segment& seg) {
        fmt::format_to(out, "  {} {:04x} base {:016x} limit {:08x} type {:x} DPL {}\n", name, seg.selector, seg.base,
                       seg.limit, seg.type, seg.dpl);
    };
    segment("cs", s.cs);
    segment("ss", s.ss);
    segment("ds", s.ds);
    segment("es", s.es);
    segment("fs", s.fs);
    segment("gs", s.gs);
    segment("tr", s.tr);
    fmt::format_to(out, "  gdt {:016x} limit {:04x}  idt {:016x} limit {:04x}\n", s.gdt.base, s.gdt.limit, s.idt.base,
                   s.idt.limit);
    fmt::format_to(out, "  cr0 {:x}  cr2 {:x}  cr3 {:x}  cr4 {:x}  efer {:x}\n", s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
    if (const auto ssp = shadow_stack_pointer(); ssp != 0) fmt::format_to(out, "  ssp {:x}\n", ssp);
    fmt::format_to(out,
                   "  NMI masked {} pending {} injected {}, interrupt injected {}, exception injected {} vector {}, "
                   "shadow {}\n",
                   e.nmi.masked, e.nmi.pending, e.nmi.injected, e.interrupt.injected, e.exception.injected,
                   e.exception.nr, e.interrupt.shadow);

    text += "  code:\n";
    const auto size = code_size(s.cs);
    Virtual address{r.rip};
    for (int line = 0; line < 6; ++line) {
        const auto bytes = text_at(address);
        fmt::format_to(out, "    {:016x}  {}\n", number(address), disassemble(bytes, address, size));
        const auto instruction = decode(bytes, address, size);
        if (!instruction) break;
        address = Virtual{number(address) + instruction->length};
    }

    if (const auto log = memory_.read<abi::Log>(Virtual{image_.descriptor.log})) {
        constexpr std::uint64_t shown = 4;
        const auto head = std::min<std::uint64_t>(log->head, GATECRASH_LOG_CAPACITY);
        text += "  newest log records:\n";
        for (auto i = head - std::min(head, shown); i < head; ++i) {
            const auto& record = log->records[i];
            fmt::format_to(out, "    kind {} vector {} error {:x} rip {:x} cs {:x} rflags {:x} rsp {:x} frame {:x}\n",
                           record.kind, record.vector, record.error, record.rip, record.cs, record.rflags, record.rsp,
                           record.frame);
        }
    }
    return text;
}

}  // namespace gatecrash::vm
