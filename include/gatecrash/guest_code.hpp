#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "gatecrash/abi.h"
#include "gatecrash/code.hpp"
#include "gatecrash/delivery.hpp"

namespace gatecrash {

/// The handler of a vector. It records the delivery, does what the methods below add, in the order of their calls, and
/// returns by IRETQ.
class Handler {
  public:
    /// Rings `bell` at each delivery.
    Handler& ring(Doorbell bell);
    /// Rings `bell` at the first delivery only.
    Handler& ring_once(Doorbell bell);
    /// Executes the code that `body` assembles. A Guest calls `body` when it boots the code. The frame that the CPU
    /// pushed is at [RSP + frame_rip] and above. The code must keep RSP and every register that the interrupted code
    /// needs.
    Handler& run(std::function<void(Code&)> body);
    /// Chooses the slot of the interrupt stack table, 1 to 4, or 0 for none. Without this call, NMI, #DB, #DF and #MC
    /// have slots of their own, and other vectors none. Throws std::invalid_argument.
    Handler& on_ist(unsigned slot);

    /// Offsets of the pushed frame's fields from RSP in a body, in bytes.
    static constexpr int frame_error_code = 8, frame_rip = 16, frame_cs = 24, frame_rflags = 32, frame_rsp = 40,
                         frame_ss = 48;

  private:
    friend class GuestCode;
    Handler(unsigned ist, unsigned& bells_rung_once) : ist_(ist), bells_rung_once_(bells_rung_once) {}

    unsigned ist_;
    std::vector<std::function<void(Code&)>> bodies_;
    unsigned& bells_rung_once_;  ///< number of ring_once() calls for all handlers of the code
};

/// A 64-bit guest of a few instructions. Its runtime is no more than a GDT, an IDT, a TSS, page tables and stacks.
///
///     GuestCode code;
///     code.on(Vector::nmi).ring_once(Doorbell::begin());
///     code.kernel.ring(Doorbell::begin());
///     const auto landed = code.kernel.here();
///     code.kernel.nop();
///     code.kernel.ring(Doorbell::end());
///
/// The guest records its first 31 deliveries; the next one rings DONE. An exception without a handler is recorded and
/// then rings FATAL. An interrupt without a handler only rings FATAL.
class GuestCode {
  public:
    GuestCode();
    ~GuestCode();
    GuestCode(const GuestCode&) = delete;
    GuestCode& operator=(const GuestCode&) = delete;

    /// Code at CPL 0, at most a page with the handlers. It begins with interrupts off and RSP at the top of a stack of
    /// one page. A few instructions before it use every page once, so that the code never is the first to use one. They
    /// clobber RAX and flags.
    Code& kernel;
    /// Code at CPL 3, at most a page. It begins at `user_text` with a stack of one page, and may ring doorbells. See
    /// enter_user().
    Code& user;

    /// Returns the handler of `vector`. The first call makes it.
    Handler& on(Vector vector);

    /// Adds to `kernel` an IRETQ to the start of `user` with these RFLAGS. Clobbers no register.
    void enter_user(std::uint64_t rflags = 2);
    /// Adds to `kernel` a WRMSR of `value`. Clobbers RAX, RCX and RDX.
    void write_msr(std::uint32_t msr, std::uint64_t value);
    /// Adds to `kernel` code that enables SYSCALL, which then goes to `entry`, a label in `kernel`, and clears the
    /// RFLAGS in `fmask`. Clobbers RAX, RCX and RDX.
    void enable_syscall(const Xbyak::Label& entry, std::uint64_t fmask);
    /// Returns the guest-virtual address of a label in `kernel`. Throws std::logic_error if it has not been placed.
    [[nodiscard]] std::uint64_t address_of(const Xbyak::Label& label) const;

    /// Guest-virtual address where `user` begins.
    static constexpr std::uint64_t user_text = GATECRASH_USER_TEXT;
    /// Guest-virtual address of a page of the kernel's data for the code's own use, zero at the start.
    static constexpr std::uint64_t data = GATECRASH_KERNEL_BASE + GATECRASH_DATA + GATECRASH_PAGE;

  private:
    friend class Guest;
    struct Impl;
    explicit GuestCode(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace gatecrash
