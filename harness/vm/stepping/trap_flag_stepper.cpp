#include <algorithm>
#include <array>
#include <cstring>

#include "vm/stepping/stepper.hpp"

namespace gatecrash::vm {
namespace {

/// TF is a real flag of the guest while it is stepped. The table shows where the guest can see it or loses it, and what
/// this stepper does about it:
///
///     PUSHF                    pushes it               cleared on the stack after the step
///     SYSCALL                  copies it to R11        cleared in R11
///                              loses it to FMASK       FMASK lets it pass for this step
///     SYSRET                   loses it to R11         set in R11 for this step: the trap comes before user code
///     any delivery             pushes it               cleared in the frame
///                              loses it                an IDT of the stepper's own leads to HLT instructions
///     POPF, IRET               lose it                 nothing: TF at their start still makes the step's trap
///
/// The last line and the traps after SYSCALL and SYSRET follow the SDM (volume 3, 17.3.1.4) and KVM's own tests. The
/// tests of this stepper show them on the machine at hand.
class TrapFlagStepper : public Stepper {
  public:
    using Stepper::Stepper;

    void enter() override { catch_deliveries(); }

    void leave() override {
        guest().cpu().set_guest_debug(0);
        guest().restore_idt();
    }

  protected:
    Step advance() override { return guest().delivery_due() ? deliver() : execute(); }

  private:
    /// Returns the address of the catchers: one HLT for each vector, after the IDT itself.
    Virtual catchers() const { return Virtual{number(guest().image().harness_address()) + page_size}; }
    static constexpr int max_attempts = 8;
    static constexpr int patience = 20;  ///< firings of the watchdog

    /// Copies the guest's IDT, with every gate leading to its vector's HLT: same stack, same CS, same rights. Leaves an
    /// IDT alone that is not mapped: no delivery gets through it, so there is none to catch.
    void catch_deliveries() {
        const auto idt = guest().cpu().sregs().idt;
        auto pages = guest().memory().harness_pages();
        std::fill(pages.begin(), pages.begin() + page_size, std::byte{0});
        std::fill_n(pages.begin() + page_size, GATECRASH_VECTORS, std::byte{0xf4});
        const auto gates = std::min<std::size_t>((std::size_t{idt.limit} + 1) / max_gate_size, GATECRASH_VECTORS);
        if (!guest().memory().read(Virtual{idt.base}, pages.first(gates * max_gate_size))) return;
        for (std::size_t vector = 0; vector < gates; ++vector) {
            const auto gate = pages.subspan(vector * max_gate_size).first<max_gate_size>();
            targets_.at(vector) = decode_gate(gate).target;
            set_target(gate, Virtual{number(catchers()) + vector});
        }
        catching_idt_ = idt;
        catching_idt_.base = number(guest().image().harness_address());
        guest().override_idt(catching_idt_);
    }

    /// Catches deliveries through the guest's new IDT, after LIDT has replaced the catching one.
    void follow_lidt() {
        if (guest().cpu().sregs().idt.base != number(guest().image().harness_address())) catch_deliveries();
    }

    /// True if the guest is about to set TF itself. KVM steps with the same flag, and then hides the guest's traps.
    bool sets_trap_flag(Kind kind) {
        const auto& regs = guest().cpu().regs();
        if (kind == Kind::sysret) return (regs.r11 & rflags_tf) != 0;
        if (kind != Kind::pop_flags && kind != Kind::iret) return false;
        const std::uint64_t word = code_size(guest().cpu().sregs().cs) == CodeSize::bits64 ? 8 : 4;
        const Virtual at{regs.rsp + (kind == Kind::iret ? 2 * word : 0)};
        const auto flags = guest().memory().read<std::uint32_t>(at);
        return flags && (*flags & rflags_tf) != 0;
    }

    bool is_catcher(Virtual address) const { return number(address) - number(catchers()) < GATECRASH_VECTORS; }

    /// Throws CannotStep: the guest chose to do what this stepper cannot show truthfully, so it is no fault.
    [[noreturn]] void give_up(const std::string& what) {
        throw CannotStep(guest().image().name + ": " + what +
                         ", which stepping with the trap flag cannot follow: use --stepper stop-bytes");
    }

    /// Lets a due event be delivered; executes nothing. Retries when interrupted, as run_to_boundary() does: the host
    /// may be busy, or the CPU never ends the delivery.
    Step deliver() {
        for (int interruptions = 0; interruptions < patience; ++interruptions) {
            guest().cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
            const auto exit = guest().run_once();
            const bool is_done = !guest().delivery_due() && !is_catcher(guest().rip());
            if (!std::holds_alternative<kvm::InterruptedExit>(exit) || is_done) return interpret(exit);
        }
        return {StillRunning{}, {}};
    }

    Step execute() {
        auto& cpu = guest().cpu();
        const auto start = guest().rip();
        auto instruction = guest().next_instruction();
        std::optional<Virtual> shadow;
        if (instruction && opens_shadow(*instruction)) {
            // The step ends after the next instruction, so the leaks to undo are those of that instruction.
            shadow = Virtual{number(start) + instruction->length};
            instruction = decode(guest().text_at(*shadow), *shadow, code_size(cpu.sregs().cs));
        }
        const auto kind = instruction ? instruction->kind : Kind::other;
        if (sets_trap_flag(kind)) give_up("the guest sets TF itself at " + guest().image().symbols.name_of(start));
        const bool foreign_tables = guest().has_own_page_tables();
        const auto fmask = kind == Kind::syscall ? let_tf_pass_fmask() : std::nullopt;
        if (kind == Kind::sysret) set_r11_tf(true);

        // INT1 always enters a handler, so it ends in a catcher without TF. With KVM_GUESTDBG_SINGLESTEP, KVM on
        // Intel's CPUs reports its #DB instead of delivering it, with RIP at the INT1 (handle_exception_nmi() in
        // vmx.c).
        const auto debug = kind == Kind::int1 ? 0 : KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
        const auto result = run_to_boundary(shadow, debug);
        // Only the harness's page tables map the catching IDT.
        if (foreign_tables && result.end && std::holds_alternative<TripleFault>(*result.end)) {
            give_up("the guest takes an exception on page tables of its own");
        }
        follow_lidt();

        if (fmask) set_fmask(*fmask);
        if (kind == Kind::sysret || (kind == Kind::syscall && !result.delivered)) set_r11_tf(false);
        if (kind == Kind::push_flags && !result.delivered && !result.end) clear_tf_at(cpu.regs().rsp);
        return result;
    }

    /// The state in which an instruction that ends where it began has changed something: REP its counter, IRET its
    /// stack or what it loads.
    struct Place {
        kvm_regs regs;
        std::uint16_t cs, ss;

        bool operator==(const Place& other) const {
            return std::memcmp(&regs, &other.regs, sizeof regs) == 0 && cs == other.cs && ss == other.ss;
        }
    };

    Place place() {
        auto regs = guest().cpu().regs();
        regs.rflags &= ~(rflags_rf | rflags_tf);  // RF belongs to the instruction, TF to the step
        const auto& sregs = guest().cpu().sregs();
        return {regs, sregs.cs.selector, sregs.ss.selector};
    }

    Step run_to_boundary(std::optional<Virtual> shadow, std::uint32_t debug) {
        const auto start = place();
        int interruptions = 0;
        for (int attempt = 0; attempt < max_attempts;) {
            guest().cpu().set_guest_debug(debug);
            const auto exit = guest().run_once();
            const auto result = interpret(exit);
            if (result.end || result.delivered) return result;
            if (shadow && guest().rip() == *shadow) {
                // The trap came between the two instructions (after STI that depends on the machine). Nothing may be
                // delivered here.
                open_sti_shadow();
                ++attempt;
                continue;
            }
            if (std::holds_alternative<kvm::InterruptedExit>(exit)) {
                // The host is busy, or the CPU never ends the instruction and does not report it. Page tables outside
                // of memory do that.
                if (++interruptions == patience) return {StillRunning{}, {}};
                continue;
            }
            ++attempt;
            // Bochs reports the step before the instruction executes if it first had to fill in a nested page.
            if (place() != start) return result;
        }
        return {};  // traps that come again and again before one instruction: it leads back to itself
    }

    Step interpret(const kvm::Exit& exit) {
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        if (debug != nullptr && guest().meets_breakpoint(*debug)) {
            if (is_catcher(guest().rip()))
                give_up("the delivery of an exception meets a breakpoint of the guest's own");
            guest().give_back_breakpoint(*debug);
            return {};
        }
        if (debug != nullptr || std::holds_alternative<kvm::InterruptedExit>(exit) ||
            std::holds_alternative<kvm::TprExit>(exit))
            return {};
        if (std::holds_alternative<kvm::HltExit>(exit)) {
            const Virtual stop{guest().cpu().regs().rip - 1};
            const auto caught = number(stop) - number(catchers());
            if (is_catcher(stop)) return delivered(static_cast<std::uint8_t>(caught));
        }
        if (auto outcome = guest().outcome_of(exit)) return {outcome, {}};
        throw MachineFault("an exit that no step should cause: " + kvm::describe(exit) + "\n" + guest().dump());
    }

    Step delivered(std::uint8_t vector) {
        auto regs = guest().cpu().regs();
        regs.rip = number(targets_.at(vector));
        guest().cpu().set_regs(regs);
        // The CPU aligns RSP to 16 and pushes five words, and for some exceptions a sixth, the error code.
        const bool has_error_code = regs.rsp % 16 == 0;
        clear_tf_at(regs.rsp + (has_error_code ? 24 : 16));
        return {{}, vector};
    }

    void clear_tf_at(std::uint64_t address) {
        const Virtual where{address};
        auto flags = guest().memory().read<std::uint32_t>(where);  // 32-bit code pushes no more
        if (!flags || (*flags & rflags_tf) == 0) return;
        *flags &= ~static_cast<std::uint32_t>(rflags_tf);
        (void)guest().memory().write(where, std::as_bytes(std::span(&*flags, 1)));
    }

    void set_r11_tf(bool on) {
        auto regs = guest().cpu().regs();
        regs.r11 = on ? regs.r11 | rflags_tf : regs.r11 & ~rflags_tf;
        guest().cpu().set_regs(regs);
    }

    /// Clears TF in FMASK. Returns the old FMASK if that had to change.
    std::optional<std::uint64_t> let_tf_pass_fmask() {
        const auto fmask = guest().msrs().fmask;
        if ((fmask & rflags_tf) == 0) return std::nullopt;
        set_fmask(fmask & ~rflags_tf);
        return fmask;
    }

    void set_fmask(std::uint64_t value) {
        auto msrs = guest().msrs();
        msrs.fmask = value;
        guest().set_msrs(msrs);
    }

    void open_sti_shadow() {
        auto events = guest().cpu().events();
        events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
        events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
        guest().cpu().set_events(events);
    }

    kvm_dtable catching_idt_{};
    std::array<Virtual, GATECRASH_VECTORS> targets_{};
};

}  // namespace

std::unique_ptr<Stepper> make_trap_flag_stepper(Guest& guest) {
    if (!guest.image().is_64_bit())
        throw ImageError(guest.image().name + ": a 32-bit guest, which only --stepper stop-bytes can step");
    return std::make_unique<TrapFlagStepper>(guest);
}

}  // namespace gatecrash::vm
