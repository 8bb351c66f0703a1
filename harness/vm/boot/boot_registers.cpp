#include "vm/boot/boot_registers.hpp"

#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

kvm_segment flat_segment(std::uint16_t selector, bool code, bool is_64_bit) {
    kvm_segment segment{};
    segment.selector = selector;
    segment.limit = 0xffffffff;
    segment.type = code ? 11 : 3;  // execute/read or read/write, accessed
    segment.present = 1;
    segment.dpl = selector & 3U;
    segment.db = code && is_64_bit ? 0 : 1;
    segment.s = 1;
    segment.l = code && is_64_bit ? 1 : 0;
    segment.g = 1;
    return segment;
}

}  // namespace

kvm_sregs boot_sregs(const Image& image, Physical page_table_root, const kvm_sregs& now) {
    const auto& abi = image.descriptor;
    auto sregs = now;
    sregs.cr0 = cr0_pe | cr0_mp | cr0_et | cr0_ne | cr0_wp | cr0_pg;
    sregs.cr3 = number(page_table_root);
    sregs.cr4 = cr4_pae | cr4_mce;
    const bool is_64_bit = image.is_64_bit();
    sregs.efer = is_64_bit ? efer_sce | efer_lme | efer_lma | efer_nxe : efer_nxe;
    sregs.cs = flat_segment(GATECRASH_KERNEL_CS, true, is_64_bit);
    sregs.ss = sregs.ds = sregs.es = flat_segment(GATECRASH_KERNEL_SS, false, is_64_bit);
    sregs.fs = sregs.gs = flat_segment(0, false, is_64_bit);
    sregs.fs.unusable = sregs.gs.unusable = is_64_bit ? 0 : 1;
    sregs.gdt.base = abi.gdt;
    sregs.gdt.limit = static_cast<std::uint16_t>(abi.gdt_limit);
    sregs.idt.base = abi.idt;
    sregs.idt.limit = static_cast<std::uint16_t>(abi.idt_limit);
    // Loads TR here, not by LTR: that would write the busy bit into the GDT, which is read-only.
    sregs.tr = {};
    sregs.tr.base = abi.tss;
    sregs.tr.limit = static_cast<std::uint32_t>(abi.tss_limit);
    sregs.tr.selector = GATECRASH_TSS;
    sregs.tr.present = 1;
    sregs.ldt = {};
    sregs.ldt.unusable = 1;
    return sregs;
}

kvm_regs boot_regs(const Image& image) {
    kvm_regs regs{};
    regs.rip = number(image.entry);
    regs.rsp = image.descriptor.boot_stack;
    regs.rflags = 2;
    return regs;
}

}  // namespace gatecrash::vm
