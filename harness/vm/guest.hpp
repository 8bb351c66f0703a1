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
#include "vm/code_recorder.hpp"
#include "vm/harness_code.hpp"
#include "vm/instruction.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/memory.hpp"
#include "vm/outcome.hpp"
#include "vm/quirks/repairs.hpp"
#include "vm/quirks/stale_trap.hpp"
#include "vm/quirks/unfinished_out.hpp"
#include "vm/state/msrs.hpp"
#include "vm/state/registers.hpp"
#include "vm/state/snapshot.hpp"
#include "vm/vendor.hpp"
#include "vm/virtual_machine.hpp"

namespace gatecrash::vm {

class Watchdog;

/// A booted guest: one virtual machine with one CPU. The CPU is stopped unless a method of this class runs it.
class Guest {
  public:
    /// Boots `image` at CPL 0: a 64-bit image straight into 64-bit mode, a 32-bit image into legacy mode with PAE.
    /// Paging is on, its GDT, IDT and TSS are loaded, interrupts are off, and RSP is at its boot stack. Nothing has
    /// executed yet. Makes the `repairs` that its machine needs. Throws ImageError or kvm::Error.
    Guest(const kvm::System& system, Image image, quirks::Repairs repairs = {});
    /// Boots `image` in `virtual_machine`, which can have one guest at a time.
    Guest(VirtualMachine& virtual_machine, Image image);
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    /// Boots `image` in place of the present one. The two must have the same segments, with other bytes, as all pieces
    /// of GuestCode have. This is far cheaper than another virtual machine. `booted` is a snapshot taken before
    /// anything ran. Throws std::invalid_argument.
    void boot_again(Image image, const Snapshot& booted);

    [[nodiscard]] const Image& image() const { return image_; }
    [[nodiscard]] GuestMemory& memory() { return memory_; }
    [[nodiscard]] const GuestMemory& memory() const { return memory_; }
    [[nodiscard]] kvm::Vcpu& cpu() { return cpu_; }
    [[nodiscard]] Virtual rip() { return Virtual{cpu_.regs().rip}; }
    /// Returns the current privilege level, 0 to 3.
    [[nodiscard]] unsigned cpl() {
        const bool is_vm86 = (cpu_.regs().rflags & rflags_vm) != 0;
        return is_vm86 ? 3 : cpu_.sregs().cs.selector & 3U;
    }
    /// Returns the linear address of the top of the stack.
    [[nodiscard]] Virtual stack_pointer();
    /// Returns the instruction that executes next. Empty if its address is not mapped, or its bytes are no instruction.
    [[nodiscard]] std::optional<Instruction> next_instruction();
    /// Returns the bytes of the image's text at `address`, even if a stepper has replaced them in memory.
    [[nodiscard]] std::array<std::byte, Instruction::max_length> text_at(Virtual address) const;

    /// Makes `event` arrive, as on hardware. An NMI is latched while NMIs are masked, and a second one is lost then. An
    /// external interrupt waits until IF is set and no shadow holds it back. The first run or step that can deliver the
    /// event does so. For an exception can_land() must be true, and the next run or step delivers it. A trap is
    /// delivered only after its instruction was stepped: see spring_trap().
    void land(Event event);
    /// True if hardware can have `event` arrive where the guest is: see the kind's file in landing/. While one
    /// exception is about to be delivered, no other can arrive.
    [[nodiscard]] bool can_land(Event event) {
        return can_land(event, {cpu_.regs(), cpu_.sregs(), cpu_.events(), msrs(), debug_registers().dr7, nullptr});
    }
    [[nodiscard]] bool can_land(Event event, const Snapshot& at) const {
        return can_land(event, {at.regs, at.sregs, at.events, at.msrs, at.debug_registers.dr7, &at.pages});
    }
    /// True if `event`, landing now, is delivered before the next instruction.
    [[nodiscard]] bool can_deliver(Event event) { return vm::can_deliver(cpu_.regs(), cpu_.events(), event); }
    /// True if an event has landed that the next run or step delivers before it executes an instruction.
    [[nodiscard]] bool delivery_due();
    [[nodiscard]] const Msrs& msrs() { return msrs_.get(); }
    /// Returns the value that SWAPGS exchanges the GS base with.
    [[nodiscard]] std::uint64_t kernel_gs_base() { return msrs().kernel_gs_base; }
    /// Returns SSP, the shadow stack pointer. It is 0 if the guest cannot use shadow stacks: then msrs() has neither
    /// SSP nor the MSRs that go with it.
    [[nodiscard]] std::uint64_t shadow_stack_pointer() { return msrs_.has_shadow_stacks() ? msrs().ssp : 0; }
    /// Sets the MSRs. The next run writes those that changed to KVM.
    void set_msrs(const Msrs& values) { msrs_.set(values); }
    [[nodiscard]] kvm_debugregs debug_registers();
    /// True if the guest uses page tables that the harness did not make.
    [[nodiscard]] bool has_own_page_tables() {
        return (cpu_.sregs().cr3 & cr3_address & ~std::uint64_t{GATECRASH_USER_ROOT}) !=
               number(memory_.page_table_root());
    }
    /// True if the harness's page tables are unchanged. They are mapped nowhere, so only a guest that uses page tables
    /// of its own can change them.
    [[nodiscard]] bool page_tables_intact() const {
        return !abilities_.leaves_page_tables || memory_.page_tables_intact();
    }
    /// True if a trap has landed that the next instruction meets.
    [[nodiscard]] bool has_trap() const { return has_trap_; }
    /// Makes the trap's exception due. Call it after the instruction that meets the trap has executed.
    void spring_trap();
    /// Includes debug registers in all later snapshots, as if the guest used them itself. Call it before the first
    /// snapshot that a `watch` may land on.
    void expect_watchpoints() { abilities_.uses_debug_registers = true; }
    /// True if an external interrupt has landed and was not delivered yet.
    [[nodiscard]] bool has_latched_irq() const { return latched_irq_.has_value(); }
    /// True if an NMI has landed and was not delivered yet.
    [[nodiscard]] bool has_latched_nmi() { return cpu_.events().nmi.pending != 0; }

    /// Sets the watchdog's patience for a guest whose runs usually take `usual`. The default is about 20 ms.
    void expect_runs_of(std::chrono::microseconds usual);

    /// Runs freely until the guest stops by itself, or until the watchdog (host time) finds it still running. No
    /// verdict may depend on StillRunning: a stepper can find out what such a guest does. Throws MachineFault.
    [[nodiscard]] Outcome run();

    /// Records from here on which instructions of Image::protected_code the guest executes. run() returns Halted where
    /// the recorder has stopped the guest before one of these instructions. recorder() then knows why.
    void record_code() {
        stop_recording();
        recorder_ = std::make_unique<CodeRecorder>(*this);
    }
    /// Shows all code again, and forgets what was recorded.
    void stop_recording() {
        if (recorder_) recorder_->show();
        recorder_.reset();
    }
    /// Returns the recorder, or null without record_code().
    [[nodiscard]] CodeRecorder* recorder() { return recorder_.get(); }

    /// Saves the guest's state. The snapshot shares pages that equal those of `base`.
    [[nodiscard]] Snapshot snapshot(const Snapshot* base = nullptr);
    /// Restores the guest's state from `snapshot`.
    void restore(const Snapshot& snapshot);

    /// Returns what the guest's symbols declare about events.
    [[nodiscard]] const Declarations& declared() const { return declared_; }
    /// Calls vm::pairs_at() for this guest.
    [[nodiscard]] std::vector<Pair> pairs_at(const std::string& symbol) const {
        return vm::pairs_at(image_, memory_, symbol);
    }
    /// Returns what the guest can do with the instructions that it has.
    [[nodiscard]] const Abilities& abilities() const { return abilities_; }
    /// Reads memory as it was when `pages` was saved, or as it is now if `pages` is null. False if it is not mapped.
    [[nodiscard]] bool read_at(const PageSet* pages, Virtual address, std::span<std::byte> to) const {
        return pages == nullptr ? memory_.read(address, to) : memory_.read_saved(*pages, address, to);
    }

    /// Returns registers, events, the newest log records and disassembly, for people.
    [[nodiscard]] std::string dump();

    /// Enables KVM_CAP_EXCEPTION_PAYLOAD for the rest of the virtual machine's life: a pending exception in the events
    /// of cpu() then has a payload.
    void enable_exception_payload() { vm_.enable_exception_payload(); }

    // --- for landing -------------------------------------------------------------------------------------------------

    /// Makes the next run deliver an exception.
    void inject(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    /// Makes the next run deliver a fault, whose frame has RF set (SDM volume 3, 17.3.1.1).
    void raise_fault(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    /// Makes the next run deliver #DB. Sets `dr6_bits` in DR6 if the guest can see DR6.
    void raise_debug_exception(std::uint64_t dr6_bits);
    /// Makes an external interrupt wait for the run that can deliver it.
    void latch_irq(std::uint8_t vector) { latched_irq_ = vector; }
    /// Makes a trap wait for the next instruction to execute: see spring_trap().
    void arm_trap() { has_trap_ = true; }
    /// Raises a machine check that shuts the CPU down (KVM_X86_SET_MCE).
    void shut_down_by(const kvm_x86_mce& error);

    // --- for quirks --------------------------------------------------------------------------------------------------

    /// Executes instructions of the harness's own on the guest's CPU. This replaces the guest's registers.
    void execute(std::span<const std::byte> code, const kvm_regs& regs);
    [[nodiscard]] HarnessCode& harness_code() { return harness_code_; }
    [[nodiscard]] const quirks::Repairs& repairs() const { return machine_.repairs(); }
    [[nodiscard]] quirks::NewPages& new_pages() { return machine_.new_pages(); }
    [[nodiscard]] const kvm_sregs& sregs_at_boot() const { return boot_sregs_; }

    // --- for steppers ------------------------------------------------------------------------------------------------

    /// Says which state is known without an ioctl.
    struct Known {
        bool msrs, debug_registers;
        bool memory;  ///< unchanged since the last snapshot
    };
    [[nodiscard]] Known known() const { return {msrs_.known(), cpu_.knows_debug_registers(), is_memory_saved_}; }
    /// Marks state as known that was known before a step, if the executed `instruction` cannot have changed it.
    /// `delivered` says that an exception may have been delivered instead. Do not call it after a step that ended the
    /// run, since a shutdown resets the vCPU.
    void executed(const Instruction& instruction, bool delivered, Known before) {
        if (before.msrs && !instruction.changes_msrs) msrs_.trust();
        if (before.debug_registers && !instruction.changes_debug_registers && !delivered) cpu_.keep_debug_registers();
        // In a guest's own page tables the CPU sets accessed bits.
        if (before.memory && !instruction.writes_memory && !delivered && !has_own_page_tables())
            is_memory_saved_ = true;
    }
    /// Marks state as known that a step which only delivered an event cannot have changed. A #DB can change DR6 and
    /// DR7.
    void delivered(Known before) {
        if (before.msrs) msrs_.trust();
    }

    /// Calls KVM_RUN once. Injects a latched interrupt first, if it can be delivered. Throws MachineFault for an exit
    /// that is KVM's fault.
    [[nodiscard]] kvm::Exit run_once(bool irq_window = false);
    /// Returns the outcome that an exit means, and completes the exit. Empty if the exit does not end execution.
    [[nodiscard]] std::optional<Outcome> outcome_of(const kvm::Exit& exit);
    /// True if a step met a breakpoint of the guest's own.
    [[nodiscard]] bool meets_breakpoint(const kvm::DebugExit& exit) { return breakpoints_met(exit) != 0; }
    /// Makes #DB due for such a breakpoint, and reports it in DR6. KVM takes this #DB for itself while it steps
    /// (api.rst, KVM_SET_GUEST_DEBUG).
    void give_back_breakpoint(const kvm::DebugExit& exit);
    /// Sets the special registers. Use it instead of cpu().set_sregs(): see quirks/tss_type.hpp.
    void set_sregs(kvm_sregs sregs);
    /// Gives the CPU a stepper's own IDT. Snapshots still hold the guest's IDT.
    void override_idt(kvm_dtable idt);
    void restore_idt();
    /// Returns the bytes that `segment`, a read-only one, has in a free run.
    [[nodiscard]] std::vector<std::byte> free_text_of(const Segment& segment) const;
    /// Returns the IDT register as the guest loaded it.
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
    VirtualMachine& machine_;
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
    bool is_memory_saved_ = false;     ///< the guest has written nothing since the last snapshot
    std::uint64_t writes_at_snapshot_ = 0;
    bool has_trap_ = false;
    std::optional<kvm_dtable> overridden_idt_;
    HarnessCode harness_code_{*this};
    quirks::StaleTrap stale_trap_;
    quirks::UnfinishedOut unfinished_out_;
    std::unordered_map<std::uint64_t, std::optional<Instruction>> decoded_;
    std::unique_ptr<CodeRecorder> recorder_;
};

}  // namespace gatecrash::vm
