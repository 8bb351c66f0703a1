#include "vm/boot/guest_code.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

constexpr std::size_t max_code = page_size;
constexpr std::uint64_t tables_physical = GATECRASH_TEXT + 4 * page_size;
constexpr std::uint64_t tables_address = GATECRASH_KERNEL_BASE + tables_physical;
constexpr std::size_t mov_length = 5;  ///< bytes of a MOV of a constant to a 32-bit register
constexpr std::size_t kernel_stacks = 6;

// The contents of the tables' pages. Accessed and busy bits are set from the start, as in guest/tables.S.
using DescriptorTable = std::array<std::uint64_t, 10>;
constexpr DescriptorTable gdt{0,
                              0x00cf9b000000ffff,
                              0x00af9b000000ffff,
                              0x00cf93000000ffff,
                              0x00cffb000000ffff,
                              0x00cff3000000ffff,
                              0x00affb000000ffff,
                              0x0000f3000000ffff,
                              0x00008b0000000067,
                              0};

/// Makes a descriptor of data of CPL 3 (SDM volume 3, 3.4.5).
constexpr std::uint64_t data_descriptor(std::uint64_t base) {
    return 0x00cff3000000ffff | (base & 0xffffff) << 16 | (base >> 24) << 56;
}
constexpr DescriptorTable gdt32{0,
                                0,
                                0x00cf9b000000ffff,
                                0x00cf93000000ffff,
                                0x00cffb000000ffff,
                                0x00cff3000000ffff,
                                0,
                                data_descriptor(GATECRASH_KERNEL_BASE32 + GATECRASH_DATA),
                                0x00008b0000000067,
                                0};
// In a TSS of either mode, the I/O bitmap's offset is at 0x66 (SDM volume 3, figures 7-2 and 7-11).
constexpr std::size_t tss_offset = 0x80, bitmap_offset = 0x68, bitmap_size = 0x21;
/// The interrupt SSP table, in the same page.
constexpr std::size_t ssp_table_offset = 0x140;
static_assert(tss_offset + bitmap_offset + bitmap_size <= ssp_table_offset);
constexpr unsigned shadow_stack_count = 8;
constexpr std::size_t idt_offset = page_size;

void put(std::vector<std::byte>& bytes, std::size_t offset, const void* from, std::size_t size) {
    std::memcpy(bytes.data() + offset, from, size);
}
template <typename T>
void put(std::vector<std::byte>& bytes, std::size_t offset, T value) {
    put(bytes, offset, &value, sizeof value);
}

void put_gate(std::vector<std::byte>& bytes, std::size_t vector, std::uint64_t word_size, std::uint64_t target,
              unsigned ist) {
    // Every gate has DPL 3, because `doctor` also measures INT3 and INT n from CPL 3.
    constexpr std::uint64_t present_dpl3_interrupt_gate = 0xee;
    const auto at = idt_offset + vector * 2 * word_size;
    put(bytes, at,
        (target & 0xffff) | (std::uint64_t{GATECRASH_KERNEL_CS} << 16) | (std::uint64_t{ist} << 32) |
            (present_dpl3_interrupt_gate << 40) | (((target >> 16) & 0xffff) << 48));
    if (word_size == 8) put(bytes, at + 8, target >> 32);
}

Segment segment(std::uint64_t address, std::uint64_t physical, std::vector<std::byte> bytes, bool writable,
                bool executable) {
    const auto size = std::max<std::size_t>(1, (bytes.size() + page_size - 1) / page_size) * page_size;
    return {Virtual{address}, Physical{physical}, std::move(bytes), size, writable, executable};
}

std::vector<std::byte> bytes_of(const Xbyak::CodeGenerator& code) {
    const auto* first = reinterpret_cast<const std::byte*>(code.getCode());
    return {first, first + code.getSize()};
}

}  // namespace

GuestCode::GuestCode(std::uint64_t word_size)
    : kernel(max_code, word_size == 8 ? kernel_text : kernel_text - GATECRASH_KERNEL_BASE + GATECRASH_KERNEL_BASE32),
      user(max_code, user_text),
      word_size_(word_size) {}

void GuestCode::handle(std::uint8_t vector, const Xbyak::Label& handler, unsigned ist) {
    handlers_.push_back({vector, handler, ist});
}

void GuestCode::enter_user(std::uint64_t rflags, unsigned cs, unsigned ss) {
    kernel.push(ss);
    kernel.push(static_cast<std::uint32_t>(user_stack));
    kernel.push(static_cast<std::uint32_t>(rflags));
    kernel.push(cs);
    kernel.push(static_cast<std::uint32_t>(user_text));
    if (is_64_bit()) {
        kernel.iretq();
    } else {
        kernel.iret();
    }
}

void GuestCode::touch(std::uint64_t address) {
    kernel.mov(kernel.rax, address);
    kernel.mov(kernel.al, kernel.byte[kernel.rax]);
}

void GuestCode::touch_pages() {
    for (const auto page :
         {tables_address, tables_address + idt_offset, user_text, shadow_stacks, user_shadow_stack - page_size}) {
        touch(page);
    }
    const auto write = [this](std::uint64_t address) {
        kernel.mov(kernel.rax, address);
        kernel.or_(kernel.byte[kernel.rax], 0);
    };
    for (unsigned i = 0; i <= data_pages; ++i) write(data + i * page_size);
    for (std::size_t i = 0; i < kernel_stacks; ++i) write(kernel_stack + i * 2 * page_size - 1);
    write(user_stack - 1);
}

void GuestCode::write_msr(std::uint32_t msr, std::uint64_t value) {
    kernel.mov(kernel.ecx, msr);
    kernel.mov(kernel.eax, static_cast<std::uint32_t>(value));
    kernel.mov(kernel.edx, static_cast<std::uint32_t>(value >> 32));
    kernel.wrmsr();
}

void GuestCode::write_msr(std::uint32_t msr, const Xbyak::Label& label) {
    addresses_.emplace_back(kernel.getSize(), label);
    kernel.mov(kernel.eax, 0);  // build() fills in the constants of this MOV and the next
    kernel.mov(kernel.edx, 0);
    kernel.mov(kernel.ecx, msr);
    kernel.wrmsr();
}

void GuestCode::enable_syscall(const Xbyak::Label& entry, std::uint64_t fmask) {
    write_msr(msr_star, (std::uint64_t{GATECRASH_USER32_CS} << 48) | (std::uint64_t{GATECRASH_KERNEL_CS} << 32));
    write_msr(msr_fmask, fmask);
    write_msr(msr_lstar, entry);
}

void GuestCode::enable_shadow_stacks() {
    constexpr std::uint64_t enabled = 1;  // SH_STK_EN
    write_msr(msr_pl0_ssp, shadow_stack(0));
    write_msr(msr_pl3_ssp, user_shadow_stack);
    write_msr(msr_interrupt_ssp_table, tables_address + ssp_table_offset);
    write_msr(msr_u_cet, enabled);
    write_msr(msr_s_cet, enabled);
    kernel.mov_rax_cr4();
    kernel.or_(kernel.eax, static_cast<std::uint32_t>(cr4_cet));
    kernel.mov_cr4_rax();
    kernel.setssbsy();
}

void GuestCode::load_segments() {
    kernel.mov(kernel.eax, GATECRASH_USER_SS);
    kernel.mov(kernel.ds, kernel.eax);
    kernel.mov(kernel.es, kernel.eax);
    kernel.mov(kernel.eax, GATECRASH_KERNEL_SS);
    kernel.mov(kernel.ss, kernel.eax);
}

std::uint64_t GuestCode::kernel_address(const Xbyak::Label& label) const {
    if (label.getAddress() == nullptr) throw std::logic_error("a handler's label is not in the kernel's code");
    return at(kernel_text) + static_cast<std::uint64_t>(label.getAddress() - kernel.getCode());
}

std::vector<std::byte> GuestCode::tables(std::uint64_t unexpected, Image& image) const {
    std::vector<std::byte> bytes(2 * page_size);
    put(bytes, 0, is_64_bit() ? gdt : gdt32);
    if (is_64_bit()) {
        put(bytes, tss_offset + 4, stack(0));
        for (unsigned ist = 1; ist < kernel_stacks - 1; ++ist) {
            put(bytes, tss_offset + 0x24 + (ist - 1) * 8, stack(ist));
        }
        for (unsigned ist = 1; ist < shadow_stack_count; ++ist) {
            put(bytes, ssp_table_offset + ist * 8, shadow_stack(ist));
        }
    } else {
        put(bytes, tss_offset + 4, static_cast<std::uint32_t>(at(stack(0))));
        put(bytes, tss_offset + 8, std::uint32_t{GATECRASH_KERNEL_SS});
    }
    put(bytes, tss_offset + 0x66, static_cast<std::uint16_t>(bitmap_offset));
    for (std::size_t port = 0; port < bitmap_size * 8; ++port) {
        const bool open = port == GATECRASH_PORT_STOP || (port >= GATECRASH_PORT_FIRST && port <= GATECRASH_PORT_LAST);
        if (!open) bytes[tss_offset + bitmap_offset + port / 8] |= std::byte(1U << (port % 8));
    }
    for (std::size_t vector = 0; vector < GATECRASH_VECTORS; ++vector) {
        put_gate(bytes, vector, word_size_, unexpected, 0);
    }
    for (const auto& handler : handlers_) {
        put_gate(bytes, handler.vector, word_size_, kernel_address(handler.label), handler.ist);
    }

    auto& abi = image.descriptor;
    abi.magic = GATECRASH_ABI_MAGIC;
    abi.version = GATECRASH_ABI_VERSION;
    abi.gdt = at(tables_address);
    abi.gdt_limit = sizeof gdt - 1;
    abi.tss = at(tables_address) + tss_offset;
    abi.tss_limit = bitmap_offset + bitmap_size - 1;
    abi.idt = at(tables_address) + idt_offset;
    abi.idt_limit = GATECRASH_VECTORS * 2 * word_size_ - 1;
    abi.boot_stack = at(kernel_stack);
    abi.log = at(log);
    return bytes;
}

void GuestCode::add_shadow_stacks(Image& image) const {
    std::vector<std::byte> tokens(page_size);
    for (unsigned i = 0; i < shadow_stack_count; ++i) put(tokens, shadow_stack(i) - shadow_stacks, shadow_stack(i));
    const auto add = [&](std::uint64_t address, std::uint64_t physical, std::vector<std::byte> bytes) {
        image.segments.push_back(segment(address, physical, std::move(bytes), true, false));
        image.segments.back().shadow_stack = true;
    };
    add(shadow_stacks, shadow_stacks - GATECRASH_KERNEL_BASE, std::move(tokens));
    add(user_shadow_stack - page_size, GATECRASH_USER_SHADOW_STACK_PHYSICAL, std::vector<std::byte>(page_size));
}

Image GuestCode::build(const std::string& name) {
    Xbyak::Label unexpected;
    kernel.L(unexpected);
    kernel.doorbell(GATECRASH_PORT_FATAL);
    kernel.hlt();
    kernel.ready();
    user.ready();

    Image image;
    image.name = name;
    image.word_size = word_size_;
    image.entry = Virtual{at(kernel_text)};
    auto code = bytes_of(kernel);
    for (const auto& [offset, label] : addresses_) {
        const auto address = kernel_address(label);
        put(code, offset + 1, static_cast<std::uint32_t>(address));
        put(code, offset + mov_length + 1, static_cast<std::uint32_t>(address >> 32));
    }

    image.segments.push_back(segment(at(kernel_text), GATECRASH_TEXT, std::move(code), false, true));
    image.segments.push_back(
        segment(at(tables_address), tables_physical, tables(kernel_address(unexpected), image), false, false));
    image.segments.push_back(segment(user_text, GATECRASH_USER_TEXT_PHYSICAL, bytes_of(user), false, true));
    image.segments.push_back(
        segment(at(data), GATECRASH_DATA, std::vector<std::byte>((data_pages + 1) * page_size), true, false));
    for (std::size_t i = 0; i < kernel_stacks; ++i) {
        const auto physical = GATECRASH_STACKS + (2 * i + 1) * page_size;
        image.segments.push_back(
            segment(at(GATECRASH_KERNEL_BASE + physical), physical, std::vector<std::byte>(page_size), true, false));
    }
    image.segments.push_back(
        segment(GATECRASH_USER_STACK, GATECRASH_USER_STACK_PHYSICAL, std::vector<std::byte>(page_size), true, false));
    if (is_64_bit()) add_shadow_stacks(image);
    image.symbols = SymbolTable({{"kernel", Virtual{at(kernel_text)}}, {"user", Virtual{user_text}}});
    return image;
}

}  // namespace gatecrash::vm
