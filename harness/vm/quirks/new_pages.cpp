#include "vm/quirks/new_pages.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vm/guest.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::vm::quirks {
namespace {

template <typename... Bytes>
constexpr auto code(Bytes... bytes) {
    return std::array{static_cast<std::byte>(bytes)...};
}

// Each of these loads CR3 from RBX, uses RCX pages from RSI on, RDX bytes apart, and loads CR3 from RBP. First in
// 64-bit mode, then the same in legacy mode.
constexpr auto read_pages = code(0x0f, 0x22, 0xdb,                           // mov cr3, rbx
                                 0x8a, 0x06,                                 // mov al, [rsi]
                                 0x48, 0x01, 0xd6, 0x48, 0xff, 0xc9,         // add rsi, rdx; dec rcx
                                 0x75, 0xf6,                                 // jnz to the read
                                 0x0f, 0x22, 0xdd);                          // mov cr3, rbp
constexpr auto write_pages = code(0x0f, 0x22, 0xdb, 0x8a, 0x06, 0x88, 0x06,  // mov [rsi], al
                                  0x48, 0x01, 0xd6, 0x48, 0xff, 0xc9, 0x75, 0xf4, 0x0f, 0x22, 0xdd);
constexpr auto read_pages32 = code(0x0f, 0x22, 0xdb, 0x8a, 0x06, 0x01, 0xd6, 0x49, 0x75, 0xf9, 0x0f, 0x22, 0xdd);
constexpr auto write_pages32 =
    code(0x0f, 0x22, 0xdb, 0x8a, 0x06, 0x88, 0x06, 0x01, 0xd6, 0x49, 0x75, 0xf7, 0x0f, 0x22, 0xdd);

class PageUser {
  public:
    explicit PageUser(Guest& guest) : guest_(guest), is_64_bit_(guest.image().is_64_bit()) {}

    void read(Physical root, Virtual from, std::uint64_t pages) {
        use(root, from, pages, is_64_bit_ ? std::span<const std::byte>(read_pages) : read_pages32);
    }
    void write(Virtual from, std::uint64_t pages) {
        use(guest_.memory().page_table_root(), from, pages,
            is_64_bit_ ? std::span<const std::byte>(write_pages) : write_pages32);
    }

  private:
    void use(Physical root, Virtual from, std::uint64_t pages, std::span<const std::byte> program) {
        if (pages == 0) return;
        kvm_regs regs{};
        regs.rbx = number(root);
        regs.rsi = number(from);
        regs.rcx = pages;
        regs.rdx = page_size;
        regs.rbp = number(guest_.memory().page_table_root());
        guest_.execute(program, regs);
    }

    Guest& guest_;
    bool is_64_bit_;
};

}  // namespace

void use_pages(Guest& guest) {
    if (cpu_vendor() != Vendor::intel || guest.image().keeps_pages_new) return;
    auto& memory = guest.memory();
    memory.own_all_pages();
    const auto& image = guest.image();
    PageUser user(guest);
    for (const auto root : memory.roots()) {
        for (const auto& segment : image.segments) {
            const bool is_mapped =
                root == memory.page_table_root() || segment.entry_area || image.is_user(segment.address);
            if (is_mapped) user.read(root, segment.address, segment.page_count());
        }
        user.read(root, image.harness_address(), memory.harness_pages().size() / page_size);
    }
    for (const auto& stack : image.stacks) {
        const Virtual first{stack.low & ~std::uint64_t{page_size - 1}};
        const auto* const segment = image.segment_at(first);
        if (segment == nullptr || !segment->writable || !segment->contains(Virtual{stack.high - 1})) continue;
        user.write(first, (stack.high - number(first) + page_size - 1) / page_size);
    }
}

}  // namespace gatecrash::vm::quirks
