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
#include "vm/boot/image.hpp"
#include "vm/instruction.hpp"
#include "vm/landing/event.hpp"
#include "vm/memory.hpp"
#include "vm/outcome.hpp"
#include "vm/virtual_machine.hpp"

namespace gatecrash::vm {

class Watchdog;

/// RFLAGS bits (SDM volume 1, 3.4.3).
constexpr std::uint64_t rflags_tf = 0x100, rflags_if = 0x200, rflags_df = 0x400, rflags_iopl = 0x3000,
                        rflags_nt = 0x4000, rflags_rf = 0x10000, rflags_vm = 0x20000, rflags_ac = 0x40000;

/// The part of CR3 that is an address (SDM volume 3, 4.5.2).
constexpr std::uint64_t cr3_address = 0x000ffffffffff000;

/// The model-specific registers that a guest may change: see Guest::saved_msrs.
using MsrSet = std::array<std::uint64_t, 10>;

/// Everything of a stopped guest that its further execution depends on. Floating point is not in it: guests do not use
/// it.
struct Snapshot {
    kvm_regs regs{};
    kvm_sregs sregs{};
    kvm_vcpu_events events{};
    kvm_debugregs debug_registers{};
    MsrSet msrs{};
    std::optional<std::uint8_t> latched_irq;
    PageSet pages;
    std::uint64_t number = 0;  ///< counts the snapshots of one guest, from 1
};

/// Whether `event`, landing on a guest in this state, is delivered before the next instruction.
[[nodiscard]] bool can_deliver(const kvm_regs& regs, const kvm_vcpu_events& events, Event event);

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
    /// Whether hardware can have `event` arrive where the guest is. An NMI always can; an external interrupt unless
    /// the guest has one of its priority or above in service (`interrupts_in_service`); a #VE unless its information
    /// area is in use (`ve_information`). An instruction breakpoint does not trigger with RF set (SDM volume
    /// 3, 17.3.1.1), nor where the guest has breakpoints off or refuses them
    /// (`breakpoints_refused`, gatecrash/abi.h); a watchpoint is armed where an IPI can ask for it, the guest has
    /// breakpoints on and DR0 to spare, on mapped memory, and not where the guest refuses it (`watchpoints_refused`); a
    /// second machine check before the first was dealt with shuts the CPU down whatever the code does (15.3.1.2), so
    /// there is nothing to find; a page that the instruction does not use raises no fault, a byte that it does not use
    /// no trap; and where one exception is about to be delivered there is no other.
    [[nodiscard]] bool can_land(Event event) {
        return !is_held_back(event, nullptr) &&
               can_land(event, cpu_.regs(), cpu_.sregs(), cpu_.events(), msrs(), debug_registers().dr7);
    }
    [[nodiscard]] bool can_land(Event event, const Snapshot& at) const {
        return !is_held_back(event, &at.pages) &&
               can_land(event, at.regs, at.sregs, at.events, at.msrs, at.debug_registers.dr7);
    }
    /// Whether `event`, landing now, is delivered before the next instruction.
    [[nodiscard]] bool can_deliver(Event event) { return vm::can_deliver(cpu_.regs(), cpu_.events(), event); }
    /// Whether the next run or step delivers an event that has landed before it executes an instruction.
    [[nodiscard]] bool delivery_due();
    /// The value that SWAPGS exchanges the GS base with.
    [[nodiscard]] std::uint64_t kernel_gs_base() { return msrs()[0]; }
    /// The values of `saved_msrs`.
    [[nodiscard]] const MsrSet& msrs();
    /// The next run writes those that changed to KVM.
    void set_msrs(const MsrSet& values);
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
    /// The debug registers of `before` once a watchpoint on `address` has landed.
    [[nodiscard]] static kvm_debugregs armed(kvm_debugregs before, std::uint64_t address);
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

    using Pair = std::pair<std::uint64_t, std::uint64_t>;
    /// Returns the pairs of words of 8 bytes that the guest has at `symbol`, up to the first whose second word is 0. A
    /// guest without that symbol has none.
    [[nodiscard]] std::vector<Pair> pairs_at(const std::string& symbol) const;

    /// Registers, events, the newest log records and disassembly, for people.
    [[nodiscard]] std::string dump();

    /// For good: an exception that is pending in what cpu() is given has a payload (KVM_CAP_EXCEPTION_PAYLOAD).
    void enable_exception_payload() { vm_.enable_exception_payload(); }

    // --- for steppers --------------------------------------------------------------------------------------------

    /// Says which state is known without an ioctl.
    struct Known {
        bool msrs, debug_registers;
        bool memory;  ///< as in the last snapshot
    };
    [[nodiscard]] Known known() const { return {msrs_known_, cpu_.knows_debug_registers(), is_memory_saved_}; }
    /// Keeps known what was known before a step that executed `instruction`, and what that cannot change. `delivered`
    /// says that an exception may have been delivered instead. Not for steps with an end: a shutdown resets the vCPU.
    void executed(const Instruction& instruction, bool delivered, Known before) {
        if (before.msrs && !instruction.changes_msrs) msrs_known_ = true;
        if (before.debug_registers && !instruction.changes_debug_registers && !delivered) cpu_.keep_debug_registers();
        // In a guest's own page tables the CPU sets accessed bits.
        if (before.memory && !instruction.writes_memory && !delivered && !has_own_page_tables())
            is_memory_saved_ = true;
    }
    /// Does the same after a step that only delivered an event. A #DB can change DR6 and DR7.
    void delivered(Known before) { msrs_known_ |= before.msrs; }

    /// One KVM_RUN, with a latched interrupt injected if it can be. Throws MachineFault for what is KVM's fault.
    [[nodiscard]] kvm::Exit run_once(bool irq_window = false);
    /// What an exit means that ends execution, completing it. Empty for exits that do not.
    [[nodiscard]] std::optional<Outcome> outcome_of(const kvm::Exit& exit);
    /// Whether a step met a breakpoint of the guest's own.
    [[nodiscard]] bool meets_breakpoint(const kvm::DebugExit& exit) { return breakpoints_met(exit) != 0; }
    /// KVM, while it steps, takes a #DB of such a breakpoint for itself (api.rst, KVM_SET_GUEST_DEBUG). Gives it back:
    /// DR6 tells of it, and #DB is due.
    void give_back_breakpoint(const kvm::DebugExit& exit);
    /// Sets the special registers. Not cpu().set_sregs(): the type of TR needs care, see there.
    void set_sregs(kvm_sregs sregs);
    /// A stepper gives the CPU an IDT of its own; snapshots still hold the guest's.
    void override_idt(kvm_dtable idt);
    void restore_idt();
    /// The IDT register as the guest loaded it.
    [[nodiscard]] kvm_dtable guest_idt();

    static constexpr std::array<std::uint32_t, 10> saved_msrs{
        0xc0000102,  // KERNEL_GS_BASE
        0xc0000081,  // STAR
        0xc0000082,  // LSTAR
        0xc0000083,  // CSTAR
        0xc0000084,  // FMASK
        0x174,       // SYSENTER_CS
        0x175,       // SYSENTER_ESP
        0x176,       // SYSENTER_EIP
        0x17a,       // MCG_STATUS
        0x401,       // MC0_STATUS
    };

  private:
    /// Exactly one of `own` and `others` is not null.
    Guest(std::unique_ptr<VirtualMachine> own, VirtualMachine* others, Image image);

    /// What a guest has the instructions for. What it cannot change need not be looked at behind each run.
    struct Abilities {
        bool uses_debug_registers = false;  ///< MOV from or to one
        bool writes_dr7 = false;            ///< MOV to DR7
        bool leaves_page_tables = false;    ///< MOV to a control register
        bool writes_msrs = false;           ///< WRMSR
        bool swaps_gs = false;              ///< SWAPGS
        bool changes_task_register = true;  ///< LTR, or a task switch, which only 32-bit guests have
    };
    static Abilities abilities_of(const Image& image);

    [[nodiscard]] static bool is_in(std::span<const Pair> ranges, std::uint64_t address);
    void read_symbols();

    void set_up_cpu();
    void detach() noexcept;
    [[nodiscard]] Virtual harness_code() const;
    void get_msrs(std::size_t count);
    [[nodiscard]] bool can_land(Event event, const kvm_regs& regs, const kvm_sregs& sregs,
                                const kvm_vcpu_events& events, const MsrSet& msrs, std::uint64_t dr7) const;
    /// Returns whether an interrupt or a #VE has to wait: because of the interrupts in service, or of #VE's information
    /// area in use. Looks at the guest's memory in `saved`, or as it is now if that is null.
    [[nodiscard]] bool is_held_back(Event event, const PageSet* saved) const;
    [[nodiscard]] bool has_breakpoints_on(std::uint64_t dr7) const;
    [[nodiscard]] bool can_break(std::uint64_t rip, std::uint64_t dr7) const;
    [[nodiscard]] bool can_watch(std::uint64_t address, std::uint64_t dr7) const;
    [[nodiscard]] bool meets_watchpoint(std::uint64_t address, const kvm_regs& regs, const kvm_sregs& sregs) const;
    [[nodiscard]] std::optional<MemoryAccess> fault_at(std::uint64_t address, const kvm_regs& regs,
                                                       const kvm_sregs& sregs) const;
    void raise_nmi();
    void put_in_service(std::uint8_t vector);
    void raise_breakpoint();
    void raise_debug_exception(std::uint64_t dr6_bits);
    void drop_stale_trap();
    void arm_watchpoint(std::uint64_t address);
    [[nodiscard]] std::uint64_t breakpoints_met(const kvm::DebugExit& exit);
    void raise_machine_check();
    void raise_page_fault(std::optional<std::uint64_t> address);
    void raise_fault(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    void fill_in_ve_information();
    void inject(std::uint8_t vector, std::optional<std::uint32_t> error_code);
    void disarm_breakpoints();
    void unmask_nmis();
    void execute(std::span<const std::byte> code, const kvm_regs& regs);
    void prepare(std::span<const std::byte> code, kvm_regs regs);
    void run_prepared();
    bool finish_out(const kvm::IoExit& io);
    void end_shadow();
    void forget_unfinished_out();
    void flush_msrs();
    void forget_msrs();

    Image image_;
    GuestMemory memory_;
    std::unique_ptr<VirtualMachine> own_;  ///< null if the virtual machine belongs to the caller
    kvm::Vm& vm_;
    kvm::Vcpu& cpu_;
    std::unique_ptr<Watchdog> watchdog_;
    bool is_amd_ = false;
    kvm_sregs boot_sregs_{};
    Abilities abilities_;
    std::optional<Virtual> interrupts_in_service_, ve_information_;
    std::vector<Pair> breakpoints_refused_, watchpoints_refused_;
    kvm_debugregs reset_debug_registers_{};
    std::optional<MsrSet> msrs_;  ///< empty if none of them is known
    MsrSet msrs_of_kvm_{};        ///< the values that KVM has, until the next run
    bool msrs_known_ = false;     ///< msrs_ is what the guest has, as no run can have changed it
    std::optional<std::uint8_t> latched_irq_;
    std::uint64_t last_snapshot_ = 0;  ///< number of the last snapshot
    bool is_memory_saved_ = false;     ///< the guest has written nothing since then
    std::uint64_t writes_at_snapshot_ = 0;
    bool has_trap_ = false;
    bool has_stale_trap_ = false;  ///< the last run may have left a trap to the next, see drop_stale_trap()
    std::optional<kvm_dtable> overridden_idt_;
    std::optional<std::uint64_t> unfinished_out_;  ///< RIP of an OUT that KVM has not finished
    std::unordered_map<std::uint64_t, std::optional<Instruction>> decoded_;
};

}  // namespace gatecrash::vm
