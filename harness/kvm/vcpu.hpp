#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kvm/counter.hpp"
#include "kvm/exit.hpp"
#include "kvm/mapping.hpp"
#include "kvm/shim.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

/// One virtual CPU (api.rst, "vcpu ioctls"). Only a Vm makes one; one thread uses it at a time.
///
/// General registers, special registers and events are cached. Where KVM_CAP_SYNC_REGS is present, reading them after
/// run() and changing them before the next one costs no ioctl. Every method throws Error if its ioctl fails.
class Vcpu {
  public:
    [[nodiscard]] const kvm_regs& regs();
    void set_regs(const kvm_regs& regs);
    /// Returns the special registers without what means nothing. That is interrupt_bitmap (events() has the interrupt
    /// that is being delivered), and the hidden part of unusable segments (see vcpu.cpp).
    [[nodiscard]] const kvm_sregs& sregs();
    void set_sregs(const kvm_sregs& sregs);
    [[nodiscard]] const kvm_vcpu_events& events();
    /// If `events` has as many latched NMIs as KVM has, KVM keeps those: see vcpu.cpp.
    void set_events(const kvm_vcpu_events& events);
    /// Gives KVM the events that were set, and makes events() ask what it made of them.
    void reread_events();
    /// Returns the debug registers. The first call after a run asks KVM; set_debug_registers() calls KVM only for
    /// changes.
    [[nodiscard]] const kvm_debugregs& debug_registers();
    void set_debug_registers(const kvm_debugregs& registers);
    /// True if debug_registers() needs no ioctl.
    [[nodiscard]] bool knows_debug_registers() const { return debug_registers_known_; }
    /// Makes debug_registers() call KVM again.
    void forget_debug_registers() { debug_registers_known_ = false; }
    /// Keeps the cached debug registers after a run: the caller knows that the run did not change them.
    void keep_debug_registers() { debug_registers_known_ = true; }
    void set_cpuid(std::span<const kvm_cpuid_entry2> entries);
    /// Fills in `data` of each entry (KVM_GET_MSRS). Throws if KVM does not know one of the MSRs.
    void get_msrs(std::span<kvm_msr_entry> entries) const;
    /// Writes all `entries` (KVM_SET_MSRS). Throws if KVM refuses one of them.
    void set_msrs(std::span<const kvm_msr_entry> entries);

    /// True if set_cpuid() gave the guest shadow stacks (SDM volume 2, CPUID, leaf 7). Then it has SSP and the MSRs
    /// that go with it (Linux 6.18).
    [[nodiscard]] bool has_shadow_stacks() const { return (structured_features_.ecx & cpuid_shadow_stacks) != 0; }
    /// True if it gave the guest shadow stacks or indirect branch tracking. Then the guest has IA32_U_CET and
    /// IA32_S_CET.
    [[nodiscard]] bool has_cet() const {
        return has_shadow_stacks() || (structured_features_.edx & cpuid_indirect_branch_tracking) != 0;
    }
    static constexpr std::uint32_t cpuid_shadow_stacks = 1U << 7, cpuid_indirect_branch_tracking = 1U << 20;
    /// Return and set SSP, the shadow stack pointer (KVM_GET_ONE_REG). Need has_shadow_stacks().
    [[nodiscard]] std::uint64_t shadow_stack_pointer() const;
    void set_shadow_stack_pointer(std::uint64_t value);

    /// Calls KVM_SET_GUEST_DEBUG with KVM_GUESTDBG_* `control` bits. Writes cached registers first, since KVM ties a
    /// step to the RIP at the time of this call. Keeps events for the next run, since a caller may take them back. With
    /// KVM_GUESTDBG_USE_HW_BP, `breakpoint` is the address of an instruction.
    void set_guest_debug(std::uint32_t control, std::uint64_t breakpoint = 0);
    /// True if the next run is a step (KVM_GUESTDBG_SINGLESTEP).
    [[nodiscard]] bool is_stepping() const { return (guest_debug_ & KVM_GUESTDBG_SINGLESTEP) != 0; }

    /// Makes an NMI arrive (KVM_NMI).
    void nmi();
    /// Injects the external interrupt `vector` (KVM_INTERRUPT), even if IF is clear. run(true) exits when IF and
    /// shadows allow one.
    void interrupt(std::uint8_t vector);
    /// Enables machine checks with these IA32_MCG_CAP bits and number of banks (KVM_X86_SETUP_MCE).
    void setup_machine_check(std::uint64_t mcg_capabilities);
    /// Makes a machine check arrive (KVM_X86_SET_MCE).
    void machine_check(const kvm_x86_mce& error);

    /// True if the CPU waits in a HLT for an interrupt (KVM_GET_MP_STATE). Only interrupt controllers inside KVM let it
    /// wait there.
    [[nodiscard]] bool is_halted();
    /// Ends such a wait (KVM_SET_MP_STATE).
    void wake();

    /// Return and set the registers of the local APIC, which Vm::create_interrupt_controllers() makes (KVM_GET_LAPIC).
    [[nodiscard]] kvm_lapic_state local_apic();
    void set_local_apic(const kvm_lapic_state& state);
    /// Return and set x87 and SSE registers (KVM_GET_FPU).
    [[nodiscard]] kvm_fpu fpu() const;
    void set_fpu(const kvm_fpu& state);

    /// Returns the counter that KVM keeps under `name`, such as "exits" (KVM_GET_STATS_FD). Empty if KVM has none of
    /// that name. Needs Capability::binary_statistics.
    [[nodiscard]] std::optional<Counter> counter(const std::string& name) const;

    /// True if next_written() works.
    [[nodiscard]] bool has_dirty_ring() const { return ring_.size() != 0; }
    /// Returns the next page of a logged slot that the guest has written to, in the order of the first writes (api.rst,
    /// KVM_CAP_DIRTY_LOG_RING). Empty if there is none. KVM resets the ring only when it is full, so a page usually
    /// comes up only once, and later writes to it cost nothing.
    [[nodiscard]] std::optional<WrittenPage> next_written();
    /// Makes KVM report each page again that the guest writes from here on (KVM_RESET_DIRTY_RINGS). next_written()
    /// still returns those before.
    void reset_ring();

    /// Runs the guest until an exit (KVM_RUN). With `irq_window`, exits as soon as an external interrupt could be
    /// delivered.
    [[nodiscard]] Exit run(bool irq_window = false);
    /// Sets what the IN of the last IoExit reads, for each of its accesses. Without this call it reads all ones.
    void answer(std::uint32_t value);
    /// Lets KVM finish the instruction of an IoExit or MmioExit without running another one (immediate_exit). Cuts
    /// short an instruction that makes very many accesses.
    void complete_exit();
    /// Makes the current or the next run() return InterruptedExit, until clear_immediate_exit() is called. Another
    /// thread or a signal handler may call this. The vCPU's thread must also get a signal if it may be inside KVM_RUN.
    void request_immediate_exit() noexcept;
    void clear_immediate_exit() noexcept;

  private:
    friend class Vm;
    friend int plain_ioctl(const Vcpu& cpu, unsigned long request, const void* argument);
    Vcpu(posix::FileDescriptor fd, std::unique_ptr<Shim> shim, Mapping run, bool sync_registers, int vm_fd,
         Mapping ring);

    [[nodiscard]] kvm_run& shared() const { return *reinterpret_cast<kvm_run*>(run_.data()); }
    [[nodiscard]] Exit decode_exit() const;
    [[nodiscard]] std::optional<WrittenPage> next_in_ring();
    /// Writes cached changes with ioctls. Calls that use the vCPU's state, such as KVM_SET_GUEST_DEBUG, need this
    /// first.
    void flush();
    void flush_registers();
    [[nodiscard]] kvm_vcpu_events events_for_kvm();

    posix::FileDescriptor fd_;
    std::unique_ptr<Shim> shim_;  ///< null outside tests
    Mapping run_;
    bool sync_registers_;
    int vm_fd_;
    kvm_cpuid_entry2 structured_features_{};  ///< leaf 7 of the guest's CPUID
    Mapping ring_;
    std::size_t ring_next_ = 0;
    std::vector<WrittenPage> written_before_;  ///< pages that were taken from the ring
    std::vector<WrittenPage> hidden_;          ///< by the shim, until the next run
    kvm_regs regs_{};
    kvm_sregs sregs_{};
    kvm_vcpu_events events_{};
    kvm_debugregs debug_registers_{};
    bool debug_registers_known_ = false;
    std::uint32_t guest_debug_ = 0;
    std::optional<std::uint8_t> latched_nmis_;  ///< those that KVM has, if that is known
    std::uint64_t valid_ = 0;                   ///< KVM_SYNC_X86_* groups whose cached copy is up to date
    std::uint64_t dirty_ = 0;                   ///< groups that changed here, and that KVM does not have yet
};

}  // namespace gatecrash::kvm
