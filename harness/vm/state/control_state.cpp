#include "vm/state/control_state.hpp"

namespace gatecrash::vm {

std::vector<Difference> differences(const ControlState& now, const ControlState& then) {
    std::vector<Difference> found;
    const auto compare = [&](const char* name, std::uint64_t a, std::uint64_t b) {
        if (a != b) found.push_back({name, a, b});
    };
    const auto &s = now.sregs, &t = then.sregs;
    compare("CR0", s.cr0, t.cr0);
    compare("CR4", s.cr4, t.cr4);
    compare("CR8", s.cr8, t.cr8);
    compare("EFER", s.efer, t.efer);
    compare("the GDT's base", s.gdt.base, t.gdt.base);
    compare("the GDT's limit", s.gdt.limit, t.gdt.limit);
    compare("the IDT's base", s.idt.base, t.idt.base);
    compare("the IDT's limit", s.idt.limit, t.idt.limit);
    compare("LDTR", s.ldt.selector, t.ldt.selector);
    compare("TR", s.tr.selector, t.tr.selector);
    for (const auto& msr : msr_table) {
        if (msr.changes_by_itself) continue;
        compare(msr.name, now.msrs.*msr.value, then.msrs.*msr.value);
    }
    compare("SSP", now.msrs.ssp, then.msrs.ssp);
    const auto &d = now.debug_registers, &e = then.debug_registers;
    constexpr const char* names[] = {"DR0", "DR1", "DR2", "DR3"};
    for (int i = 0; i < 4; ++i) compare(names[i], d.db[i], e.db[i]);
    compare("DR7", d.dr7, e.dr7);
    return found;
}

}  // namespace gatecrash::vm
