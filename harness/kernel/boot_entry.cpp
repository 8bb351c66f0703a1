#include "kernel/boot_entry.hpp"

#include "kernel/multiboot.hpp"
#include "kernel/pvh.hpp"

namespace gatecrash::kernel {
namespace {

/// Returns 32-bit protected mode without paging, which multiboot and PVH share: flat segments, interrupts off.
kvm_sregs protected_mode(const kvm_sregs& now) {
    auto sregs = now;
    const auto flat = [](std::uint16_t selector, std::uint8_t type) {
        kvm_segment segment{};
        segment.selector = selector;
        segment.limit = 0xffffffff;
        segment.type = type;
        segment.present = segment.s = segment.g = segment.db = 1;
        return segment;
    };
    constexpr std::uint8_t code = 11, data = 3;
    constexpr std::uint16_t code_selector = 0x10, data_selector = 0x18;
    sregs.cs = flat(code_selector, code);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat(data_selector, data);
    sregs.cr0 = 0x11;  // ET, PE
    sregs.cr3 = sregs.cr4 = sregs.efer = 0;
    return sregs;
}

}  // namespace

BootEntry load_image(const BootImage& image, const BootInput& input, std::span<std::byte> memory,
                     const kvm_sregs& now) {
    if (image.protocol == BootProtocol::linux_64) {
        load_kernel(image, input, memory);
        return {entry_regs(image), entry_sregs(now)};
    }
    load_segments(image, memory);
    BootInfo info(memory);
    BootEntry entry{{}, protected_mode(now)};
    entry.regs.rip = number(image.entry);
    entry.regs.rflags = 2;
    if (image.protocol == BootProtocol::pvh) {
        entry.regs.rbx = write_start_info(info, input.command_line);
    } else {
        const auto [magic, information] = write_multiboot_information(info, image.protocol, input.command_line);
        entry.regs.rax = magic;
        entry.regs.rbx = information;
    }
    return entry;
}

}  // namespace gatecrash::kernel
