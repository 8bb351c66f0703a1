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

/// A guest of a few instructions, generated where it is used: for measuring what a machine does, and for tests, which
/// so have the guest beside the expectation. It has the tables, stacks and doorbell of the runtime's guests, and
/// nothing else runs in it than the code given.
///
///     GuestCode code;
///     code.kernel.pushfq();
///     code.kernel.doorbell(GATECRASH_PORT_END);
///     Guest guest(system, code.build("pushf"));
///
/// xbyak makes 64-bit code. For a 32-bit guest, what has the same bytes and means the same may be used: whatever has
/// neither a 64-bit operand, but of PUSH and POP and of MOV from a constant below 4 GiB (xbyak makes it a 32-bit one),
/// nor a REX prefix, nor an address other than a constant or one in RAX to RDI.
class GuestCode {
  public:
    /// With words of 8 bytes, or of 4: a guest in legacy mode with PAE.
    explicit GuestCode(std::uint64_t word_size = 8);

    /// Code at CPL 0. Execution starts at its first byte, with interrupts off and RSP at `kernel_stack`.
    Code kernel;
    /// Code at CPL 3, at the address `user_text`.
    Code user;

    /// Sends `vector` to `handler`, a label in `kernel`, on the stack of IST slot `ist` (0: none). Every other vector
    /// rings FATAL.
    void handle(std::uint8_t vector, const Xbyak::Label& handler, unsigned ist = 0);

    /// In `kernel`: go to the start of `user` by IRET, with these. Clobbers nothing.
    void enter_user(std::uint64_t rflags = 2, unsigned cs = GATECRASH_USER_CS, unsigned ss = GATECRASH_USER_SS);
    /// In `kernel`: reads a byte at `address`, so that no later use of its page is its first, which exits. Clobbers
    /// RAX.
    void touch(std::uint64_t address);
    /// In `kernel` of a 64-bit guest: uses every page of the guest, and writes those that are writable, without
    /// changing them. Clobbers RAX and flags.
    void touch_pages();
    /// In `kernel`: WRMSR of a constant. Clobbers RAX, RCX, RDX.
    void write_msr(std::uint32_t msr, std::uint64_t value);
    /// The same of the guest's address of a label in `kernel`.
    void write_msr(std::uint32_t msr, const Xbyak::Label& label);
    /// In `kernel`: LSTAR to `entry`, and STAR and FMASK. Clobbers RAX, RCX, RDX.
    void enable_syscall(const Xbyak::Label& entry, std::uint64_t fmask);
    /// In `kernel`: DS, ES and SS become user data, user data and kernel data. Clobbers RAX.
    void load_segments();

    /// The guest's virtual address of a label in `kernel`. Only after the label has been placed.
    [[nodiscard]] std::uint64_t kernel_address(const Xbyak::Label& label) const;
    /// Where this guest has what a 64-bit one has at `address`, one of the kernel's below.
    [[nodiscard]] std::uint64_t at(std::uint64_t address) const {
        return is_64_bit() ? address : address - GATECRASH_KERNEL_BASE + GATECRASH_KERNEL_BASE32;
    }
    [[nodiscard]] bool is_64_bit() const { return word_size_ == 8; }

    /// The image. Throws Xbyak::Error for a label that was used and never placed.
    [[nodiscard]] Image build(const std::string& name);

    static constexpr std::uint64_t kernel_text = GATECRASH_KERNEL_BASE + GATECRASH_TEXT;
    static constexpr std::uint64_t user_text = GATECRASH_USER_TEXT;
    /// Writable pages, zero at the start, for the code's own use; behind them the log ring.
    static constexpr std::uint64_t data = GATECRASH_KERNEL_BASE + GATECRASH_DATA;
    static constexpr unsigned data_pages = 2;
    static constexpr std::uint64_t log = data + data_pages * page_size;
    static constexpr std::uint64_t kernel_stack = GATECRASH_KERNEL_BASE + GATECRASH_STACKS + 2 * GATECRASH_PAGE;
    /// RSP0 and IST 1 to 4, each a page with a guard page below.
    [[nodiscard]] static constexpr std::uint64_t stack(unsigned ist) {
        return kernel_stack + (ist + 1) * 2 * GATECRASH_PAGE;
    }
    static constexpr std::uint64_t user_stack = GATECRASH_USER_STACK + GATECRASH_PAGE;
    /// Selectors beside those of the runtime's guests: 32-bit code of CPL 0, and 16-bit data of CPL 3.
    static constexpr unsigned kernel32_cs = 0x08, user16_ss = 0x3b;
    /// Instead of these a 32-bit guest has data of CPL 3 that begins at `data`: its per-CPU data, for FS.
    static constexpr unsigned per_cpu = GATECRASH_PER_CPU | 3;

  private:
    struct Handler {
        std::uint8_t vector;
        Xbyak::Label label;
        unsigned ist;
    };

    [[nodiscard]] std::vector<std::byte> tables(std::uint64_t unexpected, Image& image) const;

    std::uint64_t word_size_;
    std::vector<Handler> handlers_;
    /// Places in `kernel` of a MOV to EAX and one to EDX, to fill in with a label's guest address.
    std::vector<std::pair<std::size_t, Xbyak::Label>> addresses_;
};

}  // namespace gatecrash::vm
