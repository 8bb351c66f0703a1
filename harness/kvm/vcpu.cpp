#include "kvm/vcpu.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kvm/counted_list.hpp"
#include "kvm/ioctl.hpp"

namespace gatecrash::kvm {
namespace {

constexpr std::uint64_t all_groups = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;

/// The number of SSP for KVM_GET_ONE_REG: KVM_X86_REG_KVM(KVM_REG_GUEST_SSP) of Linux 6.18's asm/kvm.h, which older
/// headers lack.
constexpr std::uint64_t guest_ssp = KVM_REG_X86 | KVM_REG_SIZE_U64 | std::uint64_t{3} << 32;

/// The value that a read returns where no device answers, as on a PC. Otherwise KVM would return what the shared page
/// happens to hold.
constexpr std::byte floating_bus{0xff};

/// Clears the interrupt that is being delivered from the special registers; the events have it, too. KVM_SET_SREGS
/// would deliver it once more, and synchronized registers keep it long after the delivery (Linux 6.1: __get_sregs()
/// sets its bit, and nothing clears it).
void forget_interrupts(kvm_sregs& sregs) {
    for (auto& bits : sregs.interrupt_bitmap) bits = 0;
}

/// Clears what is undefined in an unusable segment after a VM entry (SDM volume 3, 26.3.2.2). There an Intel CPU keeps
/// only the selector, the bases of FS and GS, and the DPL of SS, which is the CPL. Other bits can differ between two
/// entries with the same state. KVM before February 2023 wrote zeros for them ("KVM: x86/vmx: Do not skip segment
/// attributes if unusable bit is set").
void forget_hidden(kvm_segment& segment, std::uint64_t kept_base = 0, std::uint8_t kept_dpl = 0) {
    if (segment.unusable == 0) return;
    const auto selector = segment.selector;
    segment = {};
    segment.unusable = 1;
    segment.selector = selector;
    segment.base = kept_base;
    segment.dpl = kept_dpl;
}

void forget_what_means_nothing(kvm_sregs& sregs) {
    forget_interrupts(sregs);
    for (auto* const segment : {&sregs.ds, &sregs.es, &sregs.ldt}) forget_hidden(*segment);
    for (auto* const segment : {&sregs.fs, &sregs.gs}) forget_hidden(*segment, segment->base);
    forget_hidden(sregs.ss, 0, sregs.ss.dpl);
}

}  // namespace

int plain_ioctl(const Vcpu& cpu, unsigned long request, const void* argument) {
    if (!cpu.shim_) return ::ioctl(cpu.fd_.get(), request, argument);
    return cpu.shim_->call(cpu.fd_.get(), request, const_cast<void*>(argument), cpu.shared());
}

Vcpu::Vcpu(posix::FileDescriptor fd, std::unique_ptr<Shim> shim, Mapping run, bool sync_registers, int vm_fd,
           Mapping ring)
    : fd_(std::move(fd)),
      shim_(std::move(shim)),
      run_(std::move(run)),
      sync_registers_(sync_registers),
      vm_fd_(vm_fd),
      ring_(std::move(ring)) {
    if (sync_registers_) shared().kvm_valid_regs = all_groups;
}

const kvm_regs& Vcpu::regs() {
    if ((valid_ & KVM_SYNC_X86_REGS) == 0) GATECRASH_IOCTL(*this, KVM_GET_REGS, &regs_);
    valid_ |= KVM_SYNC_X86_REGS;
    return regs_;
}

void Vcpu::set_regs(const kvm_regs& regs) {
    regs_ = regs;
    valid_ |= KVM_SYNC_X86_REGS;
    dirty_ |= KVM_SYNC_X86_REGS;
}

const kvm_sregs& Vcpu::sregs() {
    if ((valid_ & KVM_SYNC_X86_SREGS) == 0) {
        GATECRASH_IOCTL(*this, KVM_GET_SREGS, &sregs_);
        forget_what_means_nothing(sregs_);
    }
    valid_ |= KVM_SYNC_X86_SREGS;
    return sregs_;
}

void Vcpu::set_sregs(const kvm_sregs& sregs) {
    if ((valid_ & KVM_SYNC_X86_SREGS) != 0 && std::memcmp(&sregs, &sregs_, sizeof sregs) == 0) return;
    sregs_ = sregs;
    valid_ |= KVM_SYNC_X86_SREGS;
    dirty_ |= KVM_SYNC_X86_SREGS;
}

const kvm_vcpu_events& Vcpu::events() {
    if ((valid_ & KVM_SYNC_X86_EVENTS) == 0) {
        // Setting registers can change events (KVM_SET_REGS drops a pending exception), so flush() comes first.
        flush();
        GATECRASH_IOCTL(*this, KVM_GET_VCPU_EVENTS, &events_);
        latched_nmis_ = events_.nmi.pending;
    }
    valid_ |= KVM_SYNC_X86_EVENTS;
    return events_;
}

void Vcpu::set_events(const kvm_vcpu_events& events) {
    if ((valid_ & KVM_SYNC_X86_EVENTS) != 0 && std::memcmp(&events, &events_, sizeof events) == 0) return;
    events_ = events;
    valid_ |= KVM_SYNC_X86_EVENTS;
    dirty_ |= KVM_SYNC_X86_EVENTS;
}

void Vcpu::reread_events() {
    flush();
    valid_ &= ~std::uint64_t{KVM_SYNC_X86_EVENTS};
}

void Vcpu::flush_registers() {
    if ((dirty_ & KVM_SYNC_X86_REGS) != 0) GATECRASH_IOCTL(*this, KVM_SET_REGS, &regs_);
    if ((dirty_ & KVM_SYNC_X86_SREGS) != 0) GATECRASH_IOCTL(*this, KVM_SET_SREGS, &sregs_);
    dirty_ &= KVM_SYNC_X86_EVENTS;
}

/// Leaves out the number of latched NMIs if KVM has it already. A CPU with virtual NMIs may have latched one, and then
/// KVM would count another for it (Linux 6.4, process_nmi()).
kvm_vcpu_events Vcpu::events_for_kvm() {
    auto events = events_;
    if ((events.flags & KVM_VCPUEVENT_VALID_NMI_PENDING) == 0) return events;
    if (latched_nmis_ == events.nmi.pending) {
        events.flags &= ~std::uint32_t{KVM_VCPUEVENT_VALID_NMI_PENDING};
    } else {
        latched_nmis_.reset();
    }
    return events;
}

void Vcpu::flush() {
    flush_registers();
    if ((dirty_ & KVM_SYNC_X86_EVENTS) != 0) {
        const auto events = events_for_kvm();
        GATECRASH_IOCTL(*this, KVM_SET_VCPU_EVENTS, &events);
    }
    dirty_ = 0;
}

const kvm_debugregs& Vcpu::debug_registers() {
    if (!debug_registers_known_) GATECRASH_IOCTL(*this, KVM_GET_DEBUGREGS, &debug_registers_);
    debug_registers_known_ = true;
    return debug_registers_;
}

void Vcpu::set_debug_registers(const kvm_debugregs& registers) {
    if (debug_registers_known_ && std::memcmp(&registers, &debug_registers_, sizeof registers) == 0) return;
    GATECRASH_IOCTL(*this, KVM_SET_DEBUGREGS, &registers);
    debug_registers_ = registers;
    debug_registers_known_ = true;
}

void Vcpu::set_cpuid(std::span<const kvm_cpuid_entry2> entries) {
    CountedList list(entries);
    checked_ioctl(*this, set_cpuid2_request, list.data(), "KVM_SET_CPUID2");
    const auto structured = std::ranges::find_if(
        entries, [](const kvm_cpuid_entry2& entry) { return entry.function == 7 && entry.index == 0; });
    structured_features_ = structured == entries.end() ? kvm_cpuid_entry2{} : *structured;
}

std::uint64_t Vcpu::shadow_stack_pointer() const {
    std::uint64_t value = 0;
    const kvm_one_reg request{guest_ssp, reinterpret_cast<std::uintptr_t>(&value)};
    GATECRASH_IOCTL(*this, KVM_GET_ONE_REG, &request);
    return value;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the vCPU
void Vcpu::set_shadow_stack_pointer(std::uint64_t value) {
    const kvm_one_reg request{guest_ssp, reinterpret_cast<std::uintptr_t>(&value)};
    GATECRASH_IOCTL(*this, KVM_SET_ONE_REG, &request);
}

void Vcpu::get_msrs(std::span<kvm_msr_entry> entries) const {
    CountedList list(std::span<const kvm_msr_entry>{entries});
    const auto done = checked_ioctl(*this, get_msrs_request, list.data(), "KVM_GET_MSRS");
    if (static_cast<std::size_t>(done) != entries.size()) throw Error("KVM_GET_MSRS", EOPNOTSUPP);
    std::copy(list.entries().begin(), list.entries().end(), entries.begin());
}

void Vcpu::set_msrs(std::span<const kvm_msr_entry> entries) {
    CountedList list(entries);
    const auto done = checked_ioctl(*this, set_msrs_request, list.data(), "KVM_SET_MSRS");
    if (static_cast<std::size_t>(done) != entries.size()) throw Error("KVM_SET_MSRS", EINVAL);
    // The FS and GS bases are both MSRs and part of the special registers.
    constexpr std::uint32_t fs_base = 0xc0000100, gs_base = 0xc0000101;
    const bool has_base = std::ranges::any_of(
        entries, [](const auto& entry) { return entry.index == fs_base || entry.index == gs_base; });
    if (has_base && (dirty_ & KVM_SYNC_X86_SREGS) == 0) valid_ &= ~std::uint64_t{KVM_SYNC_X86_SREGS};
}

void Vcpu::set_guest_debug(std::uint32_t control, std::uint64_t breakpoint) {
    flush_registers();
    kvm_guest_debug debug{};
    debug.control = control;
    if ((control & KVM_GUESTDBG_USE_HW_BP) != 0) {
        constexpr std::uint64_t g0 = 2, always_set = 0x400;
        debug.arch.debugreg[0] = breakpoint;
        debug.arch.debugreg[7] = g0 | always_set;
    }
    GATECRASH_IOCTL(*this, KVM_SET_GUEST_DEBUG, &debug);
    guest_debug_ = control;
}

void Vcpu::nmi() {
    flush();
    GATECRASH_IOCTL(*this, KVM_NMI, nullptr);
    valid_ &= ~std::uint64_t{KVM_SYNC_X86_EVENTS};
    latched_nmis_.reset();
}

void Vcpu::interrupt(std::uint8_t vector) {
    flush();
    kvm_interrupt interrupt{.irq = vector};
    GATECRASH_IOCTL(*this, KVM_INTERRUPT, &interrupt);
    valid_ &= ~std::uint64_t{KVM_SYNC_X86_EVENTS};
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the vCPU
void Vcpu::setup_machine_check(std::uint64_t mcg_capabilities) {
    GATECRASH_IOCTL(*this, KVM_X86_SETUP_MCE, &mcg_capabilities);
}

void Vcpu::machine_check(const kvm_x86_mce& error) {
    flush();
    GATECRASH_IOCTL(*this, KVM_X86_SET_MCE, &error);
    valid_ &= ~std::uint64_t{KVM_SYNC_X86_EVENTS};
}

std::optional<Counter> Vcpu::counter(const std::string& name) const {
    return Counter::find(posix::FileDescriptor(GATECRASH_IOCTL(*this, KVM_GET_STATS_FD, nullptr)), name);
}

std::optional<WrittenPage> Vcpu::next_written() {
    for (;;) {
        const auto page = next_in_ring();
        if (!page || !shim_ || shim_->shows(*page)) return page;
        hidden_.push_back(*page);
    }
}

std::optional<WrittenPage> Vcpu::next_in_ring() {
    if (!written_before_.empty()) {
        const auto page = written_before_.back();
        written_before_.pop_back();
        return page;
    }
    if (!has_dirty_ring()) return std::nullopt;
    auto* entries = reinterpret_cast<kvm_dirty_gfn*>(ring_.data());
    auto& entry = entries[ring_next_ % (ring_.size() / sizeof(kvm_dirty_gfn))];
    const std::atomic_ref<std::uint32_t> flags(entry.flags);
    if ((flags.load(std::memory_order_acquire) & KVM_DIRTY_GFN_F_DIRTY) == 0) return std::nullopt;
    const WrittenPage page{entry.slot, entry.offset};
    flags.store(KVM_DIRTY_GFN_F_RESET, std::memory_order_release);
    ++ring_next_;
    return page;
}

void Vcpu::reset_ring() {
    if (!has_dirty_ring()) return;
    std::vector<WrittenPage> pages;
    while (const auto page = next_in_ring()) pages.push_back(*page);
    written_before_ = std::move(pages);
    GATECRASH_IOCTL(vm_fd_, KVM_RESET_DIRTY_RINGS, 0);
}

Exit Vcpu::run(bool irq_window) {
    auto& run = shared();
    run.request_interrupt_window = irq_window ? 1 : 0;
    if (sync_registers_) {
        if ((dirty_ & KVM_SYNC_X86_REGS) != 0) run.s.regs.regs = regs_;
        if ((dirty_ & KVM_SYNC_X86_SREGS) != 0) run.s.regs.sregs = sregs_;
        if ((dirty_ & KVM_SYNC_X86_EVENTS) != 0) run.s.regs.events = events_for_kvm();
        run.kvm_dirty_regs = dirty_;
        dirty_ = 0;
    } else {
        flush();
    }
    valid_ = 0;
    latched_nmis_.reset();
    debug_registers_known_ = false;
    written_before_.insert(written_before_.end(), hidden_.begin(), hidden_.end());
    hidden_.clear();
    const int result = plain_ioctl(*this, KVM_RUN, nullptr);
    if (result < 0 && errno != EINTR && errno != EAGAIN) throw Error("KVM_RUN", errno);
    if (sync_registers_) {
        regs_ = run.s.regs.regs;
        sregs_ = run.s.regs.sregs;
        forget_what_means_nothing(sregs_);
        events_ = run.s.regs.events;
        latched_nmis_ = events_.nmi.pending;
        valid_ = all_groups;
    }
    if (result == 0 && run.exit_reason == KVM_EXIT_DIRTY_RING_FULL) reset_ring();
    return result < 0 ? Exit{InterruptedExit{}} : decode_exit();
}

bool Vcpu::is_halted() {
    flush();
    kvm_mp_state state{};
    GATECRASH_IOCTL(*this, KVM_GET_MP_STATE, &state);
    return state.mp_state == KVM_MP_STATE_HALTED;
}

void Vcpu::wake() {
    flush();
    kvm_mp_state state{KVM_MP_STATE_RUNNABLE};
    GATECRASH_IOCTL(*this, KVM_SET_MP_STATE, &state);
}

kvm_lapic_state Vcpu::local_apic() {
    flush();
    kvm_lapic_state state{};
    GATECRASH_IOCTL(*this, KVM_GET_LAPIC, &state);
    return state;
}

void Vcpu::set_local_apic(const kvm_lapic_state& state) {
    flush();
    auto copy = state;
    GATECRASH_IOCTL(*this, KVM_SET_LAPIC, &copy);
    // The APIC base and CR8 are in the special registers, too.
    valid_ = 0;
}

kvm_fpu Vcpu::fpu() const {
    kvm_fpu state{};
    GATECRASH_IOCTL(*this, KVM_GET_FPU, &state);
    return state;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the vCPU
void Vcpu::set_fpu(const kvm_fpu& state) { GATECRASH_IOCTL(*this, KVM_SET_FPU, &state); }

void Vcpu::answer(std::uint32_t value) {
    const auto& io = shared().io;
    for (std::uint32_t i = 0; i < io.count; ++i)
        std::memcpy(run_.data() + io.data_offset + std::size_t{i} * io.size, &value, io.size);
}

void Vcpu::complete_exit() {
    // An access exits once for each part if it crosses a page, is wider than 8 bytes, or reads and then writes. A
    // string instruction exits once for each element.
    constexpr int most_parts = 16;
    for (int part = 1; part <= 2 * most_parts; ++part) {
        request_immediate_exit();
        const auto exit = run();
        clear_immediate_exit();
        const bool more = std::holds_alternative<IoExit>(exit) || std::holds_alternative<MmioExit>(exit);
        if (!more) return;
        if (part < most_parts) continue;
        // On the next run KVM continues what it began, even if all registers are set in between. So the instruction
        // must end here, and RCX = 0 ends a string instruction.
        auto last = regs();
        last.rcx = 0;
        set_regs(last);
    }
    throw Error("KVM_RUN (completing an exit)", EIO);
}

void Vcpu::request_immediate_exit() noexcept {
    std::atomic_ref<std::uint8_t>(shared().immediate_exit).store(1, std::memory_order_relaxed);
}

void Vcpu::clear_immediate_exit() noexcept {
    std::atomic_ref<std::uint8_t>(shared().immediate_exit).store(0, std::memory_order_relaxed);
}

Exit Vcpu::decode_exit() const {
    auto& run = shared();
    switch (run.exit_reason) {
        case KVM_EXIT_IO: {
            IoExit exit{run.io.direction == KVM_EXIT_IO_OUT, run.io.size, run.io.port, run.io.count, 0};
            auto* data = run_.data() + run.io.data_offset;
            if (exit.is_out) {
                std::memcpy(&exit.value, data, exit.size);
            } else {
                std::fill_n(data, std::size_t{exit.size} * exit.count, floating_bus);
            }
            return exit;
        }
        case KVM_EXIT_HLT:
            return HltExit{};
        case KVM_EXIT_DEBUG:
            return DebugExit{run.debug.arch.exception, run.debug.arch.pc, run.debug.arch.dr6, run.debug.arch.dr7};
        case KVM_EXIT_MMIO: {
            MmioExit exit{run.mmio.phys_addr, {}, run.mmio.len, run.mmio.is_write != 0};
            if (!exit.is_write)
                std::fill_n(run.mmio.data, exit.data.size(), std::to_integer<std::uint8_t>(floating_bus));
            std::copy_n(run.mmio.data, exit.data.size(), exit.data.begin());
            return exit;
        }
        case KVM_EXIT_IRQ_WINDOW_OPEN:
            return IrqWindowExit{};
        case KVM_EXIT_SHUTDOWN:
            return ShutdownExit{};
        case KVM_EXIT_FAIL_ENTRY:
            return FailEntryExit{run.fail_entry.hardware_entry_failure_reason};
        case KVM_EXIT_INTERNAL_ERROR:
            return InternalErrorExit{
                run.internal.suberror,
                {run.internal.data, run.internal.data + std::min<std::uint32_t>(run.internal.ndata, 16)}};
        case KVM_EXIT_SET_TPR:
            return TprExit{};
        case KVM_EXIT_INTR:
        case KVM_EXIT_DIRTY_RING_FULL:
            return InterruptedExit{};
        case KVM_EXIT_EXCEPTION:
            return ExceptionExit{run.ex.exception, run.ex.error_code};
        default:
            return OtherExit{run.exit_reason};
    }
}

}  // namespace gatecrash::kvm
