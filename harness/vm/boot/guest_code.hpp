#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gatecrash/code.hpp"
#include "vm/boot/image.hpp"
#include "vm/state/msr.hpp"

namespace gatecrash::vm {

using gatecrash::Code;

/// A guest of a few instructions. Measurements and tests generate their guests themselves, so a test has the guest next
/// to the expectation. It has the tables, stacks and doorbell of the runtime's guests, and runs nothing but the given
/// code.
///
///     GuestCode code;
///     code.kernel.pushfq();
///     code.kernel.doorbell(GATECRASH_PORT_END);
///     Guest guest(system, code.build("pushf"));
///
/// xbyak makes 64-bit code. A 32-bit guest may use instructions that have the same bytes and the same meaning in both
/// modes. So it must not use a REX prefix. It must not use a 64-bit operand, except of PUSH, of POP, and of MOV from a
/// constant below 4 GiB. (Of that MOV xbyak makes a 32-bit one.) It must not use an address other than a constant or
/// one in RAX to RDI.
class GuestCode {
  public:
    /// Makes a guest with words of 8 bytes, or of 4 for legacy mode with PAE.
    explicit GuestCode(std::uint64_t word_size = 8);

    /// Code at CPL 0. Execution starts at its first byte, with interrupts off and RSP at `kernel_stack`.
    Code kernel;
    /// Code at CPL 3, at the address `user_text`.
    Code user;

    /// Sends `vector` to `handler`, a label in `kernel`, on the stack of IST slot `ist` (0: none). Every other vector
    /// rings FATAL.
    void handle(std::uint8_t vector, const Xbyak::Label& handler, unsigned ist = 0);

    /// Adds to `kernel` an IRET to the start of `user` with these flags and selectors. Clobbers nothing.
    void enter_user(std::uint64_t rflags = 2, unsigned cs = GATECRASH_USER_CS, unsigned ss = GATECRASH_USER_SS);
    /// Adds to `kernel` a read of the byte at `address`. The first use of a page causes an exit, so later uses cause
    /// none. Clobbers RAX.
    void touch(std::uint64_t address);
    /// Adds to `kernel` a use of every page of a 64-bit guest. It writes the writable pages without changing them.
    /// Clobbers RAX and flags.
    void touch_pages();
    /// Adds to `kernel` a WRMSR of a constant. Clobbers RAX, RCX, RDX.
    void write_msr(std::uint32_t msr, std::uint64_t value);
    /// Adds to `kernel` a WRMSR of the guest-virtual address of a label in `kernel`. Clobbers RAX, RCX, RDX.
    void write_msr(std::uint32_t msr, const Xbyak::Label& label);
    /// Adds to `kernel` code that sets LSTAR to `entry`, and STAR and FMASK. Clobbers RAX, RCX, RDX.
    void enable_syscall(const Xbyak::Label& entry, std::uint64_t fmask);
    /// Adds to `kernel` code that turns shadow stacks on for CPL 0 and CPL 3, and takes the one for PL0_SSP. Clobbers
    /// RAX, RCX, RDX.
    void enable_shadow_stacks();
    /// Adds to `kernel` code that loads DS and ES with user data, and SS with kernel data. Clobbers RAX.
    void load_segments();

    /// Returns the guest-virtual address of a label in `kernel`. Throws std::logic_error if the label is not placed
    /// yet.
    [[nodiscard]] std::uint64_t kernel_address(const Xbyak::Label& label) const;
    /// Returns the address where this guest has what a 64-bit guest has at `address`, one of the kernel's addresses
    /// below.
    [[nodiscard]] std::uint64_t at(std::uint64_t address) const {
        return is_64_bit() ? address : address - GATECRASH_KERNEL_BASE + GATECRASH_KERNEL_BASE32;
    }
    [[nodiscard]] bool is_64_bit() const { return word_size_ == 8; }

    /// Builds the image. Throws Xbyak::Error for a label that was used and never placed.
    [[nodiscard]] Image build(const std::string& name);

    static constexpr std::uint64_t kernel_text = GATECRASH_KERNEL_BASE + GATECRASH_TEXT;
    static constexpr std::uint64_t user_text = GATECRASH_USER_TEXT;
    /// Address of writable pages, zero at the start, for the code's own use. The log ring follows them.
    static constexpr std::uint64_t data = GATECRASH_KERNEL_BASE + GATECRASH_DATA;
    static constexpr unsigned data_pages = 2;
    static constexpr std::uint64_t log = data + data_pages * page_size;
    static constexpr std::uint64_t kernel_stack = GATECRASH_KERNEL_BASE + GATECRASH_STACKS + 2 * GATECRASH_PAGE;
    /// Returns the top of the stack for RSP0 (0) or for IST 1 to 4. Each stack is a page with a guard page below.
    [[nodiscard]] static constexpr std::uint64_t stack(unsigned ist) {
        return kernel_stack + (ist + 1) * 2 * GATECRASH_PAGE;
    }
    static constexpr std::uint64_t user_stack = GATECRASH_USER_STACK + GATECRASH_PAGE;
    /// Returns the address of the token of a supervisor shadow stack, which is below the token. Number 0 is for
    /// PL0_SSP, and 1 to 7 are for IST entries. The tokens are not busy at boot. Only 64-bit guests have shadow stacks.
    [[nodiscard]] static constexpr std::uint64_t shadow_stack(unsigned ist) {
        return shadow_stacks + (ist + 1) * GATECRASH_PAGE / 8 - 8;
    }
    /// The end of a user shadow stack.
    static constexpr std::uint64_t user_shadow_stack = GATECRASH_USER_SHADOW_STACK + GATECRASH_PAGE;
    /// Selectors that the runtime's guests do not have: 32-bit code of CPL 0, and 16-bit data of CPL 3.
    static constexpr unsigned kernel32_cs = 0x08, user16_ss = 0x3b;
    /// A selector that a 32-bit guest has instead: data of CPL 3 that begins at `data`. It is the guest's per-CPU data,
    /// for FS.
    static constexpr unsigned per_cpu = GATECRASH_PER_CPU | 3;

  private:
    struct Handler {
        std::uint8_t vector;
        Xbyak::Label label;
        unsigned ist;
    };

    static constexpr std::uint64_t shadow_stacks = GATECRASH_KERNEL_BASE + GATECRASH_STACKS + 13 * GATECRASH_PAGE;

    void add_shadow_stacks(Image& image) const;
    [[nodiscard]] std::vector<std::byte> tables(std::uint64_t unexpected, Image& image) const;

    std::uint64_t word_size_;
    std::vector<Handler> handlers_;
    /// Places in `kernel` of a MOV to EAX followed by one to EDX. build() fills in the label's guest-virtual address.
    std::vector<std::pair<std::size_t, Xbyak::Label>> addresses_;
};

}  // namespace gatecrash::vm
