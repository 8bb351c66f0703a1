#include "vm/quirks/new_pages.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vm/guest.hpp"
#include "vm/quirks/stale_page_tables.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::vm::quirks {
namespace {

template <typename... Bytes>
constexpr auto code(Bytes... bytes) {
    return std::array{static_cast<std::byte>(bytes)...};
}

// Loads CR3 from RBX, reads RCX pages from RSI on, RDX bytes apart, and loads CR3 from RBP. First in 64-bit mode, then
// in legacy mode.
constexpr auto read_pages = code(0x0f, 0x22, 0xdb,                    // mov cr3, rbx
                                 0x8a, 0x06,                          // mov al, [rsi]
                                 0x48, 0x01, 0xd6, 0x48, 0xff, 0xc9,  // add rsi, rdx; dec rcx
                                 0x75, 0xf6,                          // jnz to the read
                                 0x0f, 0x22, 0xdd);                   // mov cr3, rbp
constexpr auto read_pages32 = code(0x0f, 0x22, 0xdb, 0x8a, 0x06, 0x01, 0xd6, 0x49, 0x75, 0xf9, 0x0f, 0x22, 0xdd);

void read(Guest& guest, Physical root, Virtual from, std::uint64_t pages) {
    if (pages == 0) return;
    kvm_regs regs{};
    regs.rbx = number(root);
    regs.rsi = number(from);
    regs.rcx = pages;
    regs.rdx = page_size;
    regs.rbp = number(guest.memory().page_table_root());
    guest.execute(guest.image().is_64_bit() ? std::span<const std::byte>(read_pages) : read_pages32, regs);
}

}  // namespace

void use_pages(Guest& guest) {
    if (cpu_vendor() != Vendor::intel || guest.image().keeps_pages_new) return;
    auto& memory = guest.memory();
    memory.own_all_pages();
    const auto& image = guest.image();
    for (const auto root : memory.roots()) {
        for (const auto& segment : image.segments) {
            const bool is_mapped =
                root == memory.page_table_root() || segment.entry_area || image.is_user(segment.address);
            if (is_mapped) read(guest, root, segment.address, segment.page_count());
        }
        read(guest, root, image.harness_address(), memory.harness_pages().size() / page_size);
    }
}

bool NewPages::must_repeat(int& attempts) {
    constexpr int most = 8;
    if (!take()) return false;
    if (++attempts < most) return true;
    throw MachineFault(fmt::format(
        "the host took pages away from the guest during each of {} runs: let it compact, swap and merge less memory",
        most));
}

NewPages::NewPages(const kvm::System& system, const kvm::Vcpu& cpu, bool applies) {
    if (!applies || !system.has(kvm::Capability::binary_statistics)) return;
    faults_ = cpu.counter("pf_taken");
    emulated_ = cpu.counter("pf_emulate");
    if (!has_nested_paging()) of_guest_ = cpu.counter("pf_guest");
}

/// A write to a read-only slot is a fault each time, after which KVM emulates the instruction. A fault of the guest's
/// own, which KVM passes on, is none of the host's.
void NewPages::look_closer(std::uint64_t faults) {
    const Seen now{faults, emulated_->read() + (of_guest_ ? of_guest_->read() : 0)};
    is_met_ = is_met_ || now.faults - seen_.faults > now.others - seen_.others;
    seen_ = now;
}

}  // namespace gatecrash::vm::quirks
