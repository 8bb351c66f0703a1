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
/// physical. Its first event or END ends it.
///
/// xbyak makes 64-bit code. What means the same in both modes may be used: MOV of constants and segment registers,
/// PUSH, POP, jumps, and whatever has neither a 64-bit operand, nor a REX prefix, nor an address.
class LegacyCode : public vm::GuestCode {
  public:
    /// Where `user` and its stack are in this mode.
    static constexpr std::uint32_t user_text = GATECRASH_USER_TEXT_PHYSICAL;
    static constexpr std::uint32_t user_stack = GATECRASH_USER_STACK_PHYSICAL + GATECRASH_PAGE;

    void place(Spot name) { name_address(GATECRASH_TEXT + kernel.getSize(), name); }
    void user_place(Spot name) { name_address(user_text + user.getSize(), name); }
    /// In `kernel`: rings END.
    void end() { kernel.doorbell(GATECRASH_PORT_END); }
    /// In `kernel`: go to the start of `user` by IRET. Clobbers nothing.
    void enter_user(std::uint32_t eflags);
    /// In `kernel`: SYSENTER arrives at `entry`, which has been placed. Clobbers EAX, ECX, EDX.
    void enable_sysenter(const Xbyak::Label& entry);

    /// How it ended: by END, or by the event whose frame this is.
    struct End {
        bool ended_well = false;
        kvm_regs regs{};
        std::uint32_t vector = 0, error = 0, eip = 0, cs = 0;
        std::optional<vm::Outcome> otherwise{};  ///< neither of the two
    };
    [[nodiscard]] End run(Bench& bench);
    /// The delivery with its CPL, or how it ended.
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
