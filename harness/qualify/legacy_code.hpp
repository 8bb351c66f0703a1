#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "qualify/answer.hpp"
#include "qualify/probe.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::qualify {

/// A guest of a few instructions in legacy protected mode: 32 bits, no paging, flat segments, so addresses are
/// physical. The guest ends at its first event, or at END.
///
/// xbyak makes 64-bit code. The guest may use instructions that mean the same in both modes. These are MOV of constants
/// and segment registers, PUSH, POP and jumps. Any other instruction must have no 64-bit operand, no REX prefix and no
/// address.
class LegacyCode : public vm::GuestCode {
  public:
    /// The addresses of `user` and its stack in this mode.
    static constexpr std::uint32_t user_text = GATECRASH_USER_TEXT_PHYSICAL;
    static constexpr std::uint32_t user_stack = GATECRASH_USER_STACK_PHYSICAL + GATECRASH_PAGE;

    void place(Spot name) { name_address(GATECRASH_TEXT + kernel.getSize(), name); }
    void user_place(Spot name) { name_address(user_text + user.getSize(), name); }
    /// Adds to `kernel` an OUT that rings END.
    void end() { kernel.doorbell(GATECRASH_PORT_END); }
    /// Adds to `kernel` an IRET to the start of `user`. Clobbers nothing.
    void enter_user(std::uint32_t eflags);
    /// Adds to `kernel` code that lets SYSENTER arrive at `entry`, which must be placed already. Clobbers EAX, ECX,
    /// EDX.
    void enable_sysenter(const Xbyak::Label& entry);

    /// How the guest ended: by END, or by the event whose frame this is.
    struct End {
        bool ended_well = false;
        kvm_regs regs{};
        std::uint32_t vector = 0, error = 0, eip = 0, cs = 0;
        std::optional<vm::Outcome> otherwise{};  ///< set if it ended in neither way
    };
    [[nodiscard]] End run(Bench& bench);
    /// Returns the delivery with its CPL, or how the guest ended otherwise.
    [[nodiscard]] Answer tell(const End& end) const;

  private:
    struct Name {
        std::uint32_t address;
        Spot place;
    };

    static constexpr unsigned vectors = 0x41;
    [[nodiscard]] std::uint32_t physical_address(const Xbyak::Label& label) const;
    void name_address(std::size_t address, Spot place) {
        names_.push_back({static_cast<std::uint32_t>(address), place});
    }
    void emit_tables();
    void enter_legacy_mode(vm::Guest& guest) const;

    std::vector<Name> names_;
    Xbyak::Label idt_, tss_;
};

}  // namespace gatecrash::qualify
