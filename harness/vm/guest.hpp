#pragma once

#include <linux/kvm.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "kvm/system.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/boot/abilities.hpp"
#include "vm/boot/declarations.hpp"
#include "vm/boot/image.hpp"
#include "vm/harness_code.hpp"
#include "vm/instruction.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/memory.hpp"
#include "vm/outcome.hpp"
#include "vm/quirks/stale_trap.hpp"
#include "vm/quirks/unfinished_out.hpp"
#include "vm/state/msrs.hpp"
#include "vm/state/registers.hpp"
#include "vm/state/snapshot.hpp"
#include "vm/vendor.hpp"
#include "vm/virtual_machine.hpp"

namespace gatecrash::vm {

class Watchdog;

/// A booted guest: one virtual machine with one CPU, stopped whenever a method of this class is not running it.
class Guest {
  public:
    /// Boots `image` straight into 64-bit mode, or a 32-bit one into legacy mode with PAE, at CPL 0: paging on, its
    /// GDT, IDT and TSS loaded, interrupts off, RSP at its boot stack. Nothing has executed yet. Throws ImageError or
    /// kvm::Error.
    Guest(const kvm::System& system, Image image);
    /// Boots `image` in `virtual_machine`, which can have one guest at a time.
    Guest(VirtualMachine& virtual_machine, Image image);
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    /// Boots `image` instead, which has the same segments with other bytes, as all pieces of GuestCode have: far
    /// cheaper than another virtual machine. `booted` is a snapshot taken before anything ran. Throws
    /// std::invalid_argument.
    void boot_again(Image image, const Snapshot& booted);

    [[nodiscard]] const Image& image() const { return image_; }
    [[nodiscard]] GuestMemory& memory() { return memory_; }
    [[nodiscard]] const GuestMemory& memory() const { return memory_; }
    [[nodiscard]] kvm::Vcpu& cpu() { return cpu_; }
    [[nodiscard]] Virtual rip() { return Virtual{cpu_.regs().rip}; }
    /// Current privilege level, 0 to 3.
    [[nodiscard]] unsigned cpl() {
        const bool is_vm86 = (cpu_.regs().rflags & rflags_vm) != 0;
        return is_vm86 ? 3 : cpu_.sregs().cs.selector & 3U;
    }
    /// The linear address that the stack pointer leads to.
    [[nodiscard]] Virtual stack_pointer();
    /// The instruction about to execute. Empty if there is none (unmapped, or no instruction).
    [[nodiscard]] std::optional<Instruction> next_instruction();
    /// Bytes of the image's text at `address`, whatever a stepper has put there meanwhile.
    [[nodiscard]] std::array<std::byte, Instruction::max_length> text_at(Virtual address) const;

    /// An event arrives, as on hardware: an NMI is latched while NMIs are masked, and one more is lost then; an
    /// external interrupt waits until IF is set and no shadow holds it back. It is delivered by the next run or step
    /// that can. An exception, for which can_land() has to be true, is delivered by the next one; but a trap only once
    /// the instruction was stepped: see spring_trap().
    void land(Event event);
    /// Whether hardware can have `event` arrive where the guest is: see the kind's file in landing/. Where one
    /// exception is about to be delivered there is no other.
    [[nodiscard]] bool can_land(Event event) {
        return can_land(event, {cpu_.regs(), cpu_.sregs(), cpu_.events(), msrs(), debug_registers().dr7, nullptr});
    }
    [[nodiscard]] bool can_land(Event event, const Snapshot& at) const {
        return can_land(event, {at.regs, at.sregs, at.events, at.msrs, at.debug_registers.dr7, &at.pages});
    }
    /// Whether `event`, landing now, is delivered before the next instruction.
    [[nodiscard]] bool can_deliver(Event event) { return vm::can_deliver(cpu_.regs(), cpu_.events(), event); }
    /// Whether the next run or step delivers an event that has landed before it executes an instruction.
    [[nodiscard]] bool delivery_due();
    [[nodiscard]] const Msrs& msrs() { return msrs_.get(); }
    /// The value that SWAPGS exchanges the GS base with.
    [[nodiscard]] std::uint64_t kernel_gs_base() { return msrs().kernel_gs_base; }
    /// The next run writes those that changed to KVM.
    void set_msrs(const Msrs& values) { msrs_.set(values); }
    [[nodiscard]] kvm_debugregs debug_registers();
    /// Whether the guest has gone to page tables that the harness did not make.
    [[nodiscard]] bool has_own_page_tables() {
        return (cpu_.sregs().cr3 & cr3_address & ~std::uint64_t{GATECRASH_USER_ROOT}) !=
               number(memory_.page_table_root());
    }
    /// Whether the page tables that the harness made are as it made them. They are mapped nowhere: only a guest that
    /// went to page tables of its own can change them.
    [[nodiscard]] bool page_tables_intact() const {
        return !abilities_.leaves_page_tables || memory_.page_tables_intact();
    }
    /// Whether a trap has landed that the next instruction meets.
    [[nodiscard]] bool has_trap() const { return has_trap_; }
    /// The instruction that meets the trap was executed: makes its exception due.
    void spring_trap();
    /// Snapshots taken from here on have debug registers in them, as if the guest used them itself: before the first
    /// of what a `watch` may land on.
    void expect_watchpoints() { abilities_.uses_debug_registers = true; }
    /// Whether an external interrupt has landed and was not delivered yet.
    [[nodiscard]] bool has_latched_irq() const { return latched_irq_.has_value(); }
    /// Whether an NMI has.
    [[nodiscard]] bool has_latched_nmi() { return cpu_.events().nmi.pending != 0; }

    /// Sets the watchdog's patience for a guest whose runs usually take `usual`. By default it is about 20 ms.
    void expect_runs_of(std::chrono::microseconds usual);

    /// Runs freely until the guest stops by itself, or the watchdog (host time) finds it still running.
    /// No verdict may depend on StillRunning: use a stepper to find out what such a guest does.
    /// Throws MachineFault.
    [[nodiscard]] Outcome run();

    /// Saves the guest's state. Pages equal to those of `base` are shared with it.
    [[nodiscard]] Snapshot snapshot(const Snapshot* base = nullptr);
    /// Makes the guest's state that of `snapshot`.
    void restore(const Snapshot& snapshot);

    /// What the guest declares by symbols about events.
    [[nodiscard]] const Declarations& declared() const { return declared_; }
    /// Calls vm::pairs_at() for this guest.
    [[nodiscard]] std::vector<Pair> pairs_at(const std::string& symbol) const {
        return vm::pairs_at(image_, memory_, symbol);
    }
    /// The instructions that the guest has.
    [[nodiscard]] const Abilities& abilities() const { return abilities_; }
    /// Reads memory as it was when `pages` was saved, or as it is now if that is null. False if it is not mapped.
    [[nodiscard]] bool read_at(const PageSet* pages, Virtual address, std::span<std::byte> to) const {
        return pages == nullptr ? memory_.read(address, to) : memory_.read_saved(*pages, address, to);
    }

    /// Registers, events, the newest log records and disassembly, for people.
    [[nodiscard]] std::string dump();

    /// For good: an exception that is pending in what cpu() is given has a payload (KVM_CAP_EXCEPTION_PAYLOAD).
    void enable_exception_payload() { vm_.enable_exception_payload(); }

    // --- for landing -------------------------------------------------------------------------------------------------

    /// Has an exception delivered by the next run.
    void inject(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    /// The same for a fault, which pushes RF set (SDM volume 3, 17.3.1.1).
    void raise_fault(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    /// The same for #DB. DR6 gets `dr6_bits`, if the guest can see it.
    void raise_debug_exception(std::uint64_t dr6_bits);
    /// Has an external interrupt wait for the run that can deliver it.
    void latch_irq(std::uint8_t vector) { latched_irq_ = vector; }
    /// Has the next instruction meet a trap: see spring_trap().
    void arm_trap() { has_trap_ = true; }
    /// KVM_X86_SET_MCE, of an error that shuts the CPU down.
    void shut_down_by(const kvm_x86_mce& error);

    // --- for quirks --------------------------------------------------------------------------------------------------

    /// Has the guest's CPU execute instructions of the harness's own, which replaces the guest's registers.
    void execute(std::span<const std::byte> code, const kvm_regs& regs);
    [[nodiscard]] HarnessCode& harness_code() { return harness_code_; }
    [[nodiscard]] const kvm_sregs& sregs_at_boot() const { return boot_sregs_; }

    // --- for steppers ------------------------------------------------------------------------------------------------

    /// Says which state is known without an ioctl.
    struct Known {
        bool msrs, debug_registers;
        bool memory;  ///< as in the last snapshot
    };
    [[nodiscard]] Known known() const { return {msrs_.known(), cpu_.knows_debug_registers(), is_memory_saved_}; }
    /// Keeps known what was known before a step that executed `instruction`, and what that cannot change. `delivered`
    /// says that an exception may have been delivered instead. Not for steps with an end: a shutdown resets the vCPU.
    void executed(const Instruction& instruction, bool delivered, Known before) {
        if (before.msrs && !instruction.changes_msrs) msrs_.trust();
        if (before.debug_registers && !instruction.changes_debug_registers && !delivered) cpu_.keep_debug_registers();
        // In a guest's own page tables the CPU sets accessed bits.
        if (before.memory && !instruction.writes_memory && !delivered && !has_own_page_tables())
            is_memory_saved_ = true;
    }
    /// Does the same after a step that only delivered an event. A #DB can change DR6 and DR7.
    void delivered(Known before) {
        if (before.msrs) msrs_.trust();
    }

    /// One KVM_RUN, with a latched interrupt injected if it can be. Throws MachineFault for what is KVM's fault.
    [[nodiscard]] kvm::Exit run_once(bool irq_window = false);
    /// What an exit means that ends execution, completing it. Empty for exits that do not.
    [[nodiscard]] std::optional<Outcome> outcome_of(const kvm::Exit& exit);
    /// Whether a step met a breakpoint of the guest's own.
    [[nodiscard]] bool meets_breakpoint(const kvm::DebugExit& exit) { return breakpoints_met(exit) != 0; }
    /// KVM, while it steps, takes a #DB of such a breakpoint for itself (api.rst, KVM_SET_GUEST_DEBUG). Gives it back:
    /// DR6 tells of it, and #DB is due.
    void give_back_breakpoint(const kvm::DebugExit& exit);
    /// Sets the special registers. Not cpu().set_sregs(): see quirks/tss_type.hpp.
    void set_sregs(kvm_sregs sregs);
    /// A stepper gives the CPU an IDT of its own; snapshots still hold the guest's.
    void override_idt(kvm_dtable idt);
    void restore_idt();
    /// The IDT register as the guest loaded it.
    [[nodiscard]] kvm_dtable guest_idt();

  private:
    /// Exactly one of `own` and `others` is not null.
    Guest(std::unique_ptr<VirtualMachine> own, VirtualMachine* others, Image image);

    /// Reads from the image what later decisions need.
    void learn_image();
    void set_up_cpu();
    void detach() noexcept;
    [[nodiscard]] bool can_land(const Event& event, const AtBoundary& at) const;
    void deliver_latched_irq();
    void put_in_service(std::uint8_t vector);
    [[nodiscard]] std::uint64_t breakpoints_met(const kvm::DebugExit& exit);

    Image image_;
    GuestMemory memory_;
    std::unique_ptr<VirtualMachine> own_;  ///< null if the virtual machine belongs to the caller
    kvm::Vm& vm_;
    kvm::Vcpu& cpu_;
    MsrCache msrs_;
    std::unique_ptr<Watchdog> watchdog_;
    Vendor vendor_ = cpu_vendor();
    kvm_sregs boot_sregs_{};
    Abilities abilities_;
    Declarations declared_;
    kvm_debugregs reset_debug_registers_{};
    std::optional<std::uint8_t> latched_irq_;
    std::uint64_t last_snapshot_ = 0;  ///< number of the last snapshot
    bool is_memory_saved_ = false;     ///< the guest has written nothing since then
    std::uint64_t writes_at_snapshot_ = 0;
    bool has_trap_ = false;
    std::optional<kvm_dtable> overridden_idt_;
    HarnessCode harness_code_{*this};
    quirks::StaleTrap stale_trap_;
    quirks::UnfinishedOut unfinished_out_;
    std::unordered_map<std::uint64_t, std::optional<Instruction>> decoded_;
};

}  // namespace gatecrash::vm
