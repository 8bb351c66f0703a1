#include "support/shims.hpp"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "gatecrash/abi.h"
#include "vm/state/registers.hpp"

namespace gatecrash {
namespace {

/// Calls KVM_RUN so that KVM takes in and returns all state, and does not enter the guest. It returns as if a signal
/// had come before.
int run_nothing(int fd, kvm_run& shared) {
    const auto asked = shared.immediate_exit;
    shared.immediate_exit = 1;
    const int result = ::ioctl(fd, KVM_RUN, nullptr);
    const int error = errno;
    shared.immediate_exit = asked;
    errno = error;
    return result;
}

class LatchingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request == KVM_SET_VCPU_EVENTS) {
            auto events = *static_cast<const kvm_vcpu_events*>(argument);
            add_latched(events);
            return ::ioctl(fd, request, &events);
        }
        if (request == KVM_RUN && (shared.kvm_dirty_regs & KVM_SYNC_X86_EVENTS) != 0) add_latched(shared.s.regs.events);
        const int result = ::ioctl(fd, request, argument);
        const int error = errno;
        if (request == KVM_GET_VCPU_EVENTS) note(static_cast<const kvm_vcpu_events*>(argument)->nmi.pending);
        if (request == KVM_RUN) {
            kvm_vcpu_events events{};
            (void)::ioctl(fd, KVM_GET_VCPU_EVENTS, &events);
            note(events.nmi.pending);
        }
        errno = error;
        return result;
    }

  private:
    /// Does what kvm_vcpu_ioctl_x86_set_vcpu_events() and process_nmi() do from Linux 6.4 on. First the NMIs of an
    /// earlier call move into the CPU, which keeps one. Then what is left of the limit counts those of this call.
    void add_latched(kvm_vcpu_events& events) {
        is_in_cpu_ = is_in_cpu_ || pending_ != 0;
        if ((events.flags & KVM_VCPUEVENT_VALID_NMI_PENDING) == 0) return;
        const int limit = events.nmi.masked != 0 ? 1 : 2;
        pending_ = std::min(limit, events.nmi.pending + (is_in_cpu_ ? 1 : 0));
        events.nmi.pending = static_cast<std::uint8_t>(pending_);
    }

    void note(int pending) {
        pending_ = pending;
        is_in_cpu_ = pending != 0;
    }

    int pending_ = 0;         ///< the number that KVM got or gave last
    bool is_in_cpu_ = false;  ///< V_NMI_PENDING
};

class ScramblingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        const int result = ::ioctl(fd, request, argument);
        const int error = errno;
        if (request == KVM_GET_SREGS) scramble(*static_cast<kvm_sregs*>(argument));
        if (request == KVM_RUN) scramble(shared.s.regs.sregs);
        errno = error;
        return result;
    }

  private:
    void scramble(kvm_sregs& sregs) {
        for (auto* const segment : {&sregs.ds, &sregs.es, &sregs.fs, &sregs.gs, &sregs.ss, &sregs.ldt}) {
            if (segment->unusable == 0) continue;
            const auto random = [&](unsigned values) { return static_cast<std::uint8_t>(random_() % values); };
            segment->limit = random_();
            segment->type = random(16);
            segment->s = random(2);
            segment->db = random(2);
            segment->l = random(2);
            segment->g = random(2);
            segment->avl = random(2);
            if (segment != &sregs.ss) segment->dpl = random(4);
            if (segment != &sregs.fs && segment != &sregs.gs) segment->base = random_();
        }
    }

    std::minstd_rand random_;  // NOLINT(cert-msc51-cpp): the same in each run
};

class LosingShim : public kvm::Shim {
  public:
    explicit LosingShim(unsigned nth) : nth_(nth) {}
    int call(int fd, unsigned long request, void* argument, kvm_run& /*shared*/) override {
        return ::ioctl(fd, request, argument);
    }
    [[nodiscard]] bool shows(const kvm::WrittenPage& page) override {
        if (!lost_.contains(page) && ++pages_ % nth_ == 0) lost_.insert(page);
        return !lost_.contains(page);
    }

  private:
    unsigned nth_, pages_ = 0;
    std::set<kvm::WrittenPage> lost_;
};

class DelayingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        const int result = ::ioctl(fd, request, argument);
        if (request == KVM_RUN) has_halted_ = result == 0 && shared.exit_reason == KVM_EXIT_HLT;
        return result;
    }
    [[nodiscard]] bool shows(const kvm::WrittenPage& /*page*/) override { return !has_halted_; }

  private:
    bool has_halted_ = false;
};

class InterruptingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request != KVM_RUN || random_() % 3 != 0) return ::ioctl(fd, request, argument);
        return run_nothing(fd, shared);
    }

  private:
    std::minstd_rand random_;  // NOLINT(cert-msc51-cpp): the same in each run
};

/// Sends a signal to its own thread a little after each third KVM_RUN began. It comes while the guest runs, or after
/// KVM_RUN has returned.
class SignallingShim : public kvm::Shim {
  public:
    SignallingShim() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(signal, &action, nullptr);
    }
    SignallingShim(const SignallingShim&) = delete;
    SignallingShim& operator=(const SignallingShim&) = delete;
    ~SignallingShim() override {
        if (is_armed_) ::timer_delete(timer_);
    }

    int call(int fd, unsigned long request, void* argument, kvm_run& /*shared*/) override {
        if (request == KVM_RUN && random_() % 3 == 0) send_soon();
        return ::ioctl(fd, request, argument);
    }

  private:
    void send_soon() {
        if (!std::exchange(is_armed_, true)) {
            sigevent event{};
            event.sigev_notify = SIGEV_THREAD_ID;
            event.sigev_signo = signal;
            event._sigev_un._tid = ::gettid();
            if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) throw std::runtime_error("timer_create");
        }
        constexpr unsigned longest = 300'000;  // nanoseconds: several times an exit to gatecrash on an emulated machine
        const itimerspec time{.it_interval = {}, .it_value = {0, static_cast<long>(1 + random_() % longest)}};
        ::timer_settime(timer_, 0, &time, nullptr);
    }

    const int signal = SIGRTMIN + 1;
    timer_t timer_{};
    bool is_armed_ = false;
    std::minstd_rand random_;  // NOLINT(cert-msc51-cpp): the same in each run
};

class UnmappingShim : public kvm::Shim {
  public:
    explicit UnmappingShim(unsigned runs) : runs_(runs) {}
    int call(int fd, unsigned long request, void* argument, kvm_run& /*shared*/) override {
        if (request == KVM_RUN && random_() % runs_ == 0) unmap_guests();
        return ::ioctl(fd, request, argument);
    }

  private:
    /// Takes the rights to the memory of all guests away from this process, and gives them back. KVM must unmap pages
    /// that the process may not use (Linux, change_protection() and mmu_notifier_invalidate_range_start()).
    static void unmap_guests() {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            if (line.find("/memfd:gatecrash-") == std::string::npos) continue;
            std::size_t digits = 0;
            const auto begin = std::stoul(line, &digits, 16), end = std::stoul(line.substr(digits + 1), nullptr, 16);
            auto* const memory = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
            for (const int rights : {PROT_NONE, PROT_READ | PROT_WRITE}) {
                if (::mprotect(memory, end - begin, rights) != 0) throw std::runtime_error("mprotect");
            }
        }
    }

    unsigned runs_;
    std::minstd_rand random_;  // NOLINT(cert-msc51-cpp): the same in each run
};

class GivingUpShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request != KVM_RUN || !is_met(fd, shared)) return ::ioctl(fd, request, argument);
        (void)run_nothing(fd, shared);
        constexpr std::uint64_t debug_exception = 0x80000301;  // valid, a hardware exception, vector 1
        shared.exit_reason = KVM_EXIT_INTERNAL_ERROR;
        shared.internal.suberror = KVM_INTERNAL_ERROR_SIMUL_EX;
        shared.internal.ndata = 4;
        const std::array<std::uint64_t, 4> data{debug_exception, debug_exception, 0, 0};
        std::ranges::copy(data, shared.internal.data);
        return 0;
    }

  private:
    /// True if a #DB is about to be delivered while there is a watchpoint on data. Where its frame goes does not matter
    /// here: tests put the watchpoint there.
    static bool is_met(int fd, const kvm_run& shared) {
        if ((shared.kvm_dirty_regs & KVM_SYNC_X86_EVENTS) == 0) return false;
        const auto& exception = shared.s.regs.events.exception;
        if (exception.injected == 0 || exception.nr != GATECRASH_VECTOR_DB) return false;
        kvm_debugregs registers{};
        (void)::ioctl(fd, KVM_GET_DEBUGREGS, &registers);
        constexpr std::uint64_t enabled = 3, on_data = 3 << 16;
        return (registers.dr7 & enabled) != 0 && (registers.dr7 & on_data) != 0;
    }
};

std::uint64_t next_rip(int fd, const kvm_run& shared) {
    if ((shared.kvm_dirty_regs & KVM_SYNC_X86_REGS) != 0) return shared.s.regs.regs.rip;
    kvm_regs regs{};
    (void)::ioctl(fd, KVM_GET_REGS, &regs);
    return regs.rip;
}

class ReportingShim : public kvm::Shim {
  public:
    explicit ReportingShim(std::uint64_t int1) : int1_(int1) {}
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request == KVM_SET_GUEST_DEBUG)
            is_stepped_ = (static_cast<kvm_guest_debug*>(argument)->control & KVM_GUESTDBG_SINGLESTEP) != 0;
        if (request != KVM_RUN || !is_stepped_ || next_rip(fd, shared) != int1_) return ::ioctl(fd, request, argument);
        (void)run_nothing(fd, shared);
        shared.exit_reason = KVM_EXIT_DEBUG;
        shared.debug.arch = {.exception = GATECRASH_VECTOR_DB, .pad = 0, .pc = int1_, .dr6 = 0xffff0ff0, .dr7 = 0x400};
        return 0;
    }

  private:
    std::uint64_t int1_;
    bool is_stepped_ = false;
};

class SplitLockShim : public kvm::Shim {
  public:
    explicit SplitLockShim(std::uint64_t address) : address_(address) {}
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request != KVM_RUN || next_rip(fd, shared) != address_) return ::ioctl(fd, request, argument);
        (void)run_nothing(fd, shared);
        shared.exit_reason = KVM_EXIT_EXCEPTION;
        shared.ex.exception = 17;  // #AC
        shared.ex.error_code = 0;
        return 0;
    }

  private:
    std::uint64_t address_;
};

class MaskingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request == KVM_SET_VCPU_EVENTS) {
            auto events = *static_cast<const kvm_vcpu_events*>(argument);
            keep_mask(events);
            return ::ioctl(fd, request, &events);
        }
        if (request == KVM_RUN && (shared.kvm_dirty_regs & KVM_SYNC_X86_EVENTS) != 0) keep_mask(shared.s.regs.events);
        const int result = ::ioctl(fd, request, argument);
        const int error = errno;
        if (request == KVM_RUN) {
            kvm_vcpu_events events{};
            (void)::ioctl(fd, KVM_GET_VCPU_EVENTS, &events);
            is_masked_ = events.nmi.masked != 0;
        }
        errno = error;
        return result;
    }

  private:
    void keep_mask(kvm_vcpu_events& events) const {
        if (is_masked_) events.nmi.masked = 1;
    }

    bool is_masked_ = false;  ///< as the last run left it
};

class TrappingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request == KVM_SET_GUEST_DEBUG)
            is_stepped_ = (static_cast<kvm_guest_debug*>(argument)->control & KVM_GUESTDBG_SINGLESTEP) != 0;
        if (request != KVM_RUN || shared.immediate_exit != 0) return ::ioctl(fd, request, argument);
        if (std::exchange(is_left_, false)) {
            if (is_stepped_) return report(fd, shared);
            inject(fd, shared);
        }
        const int result = ::ioctl(fd, request, argument);
        is_left_ = result == 0 && is_stepped_ && shared.exit_reason == KVM_EXIT_IO;
        return result;
    }

  private:
    static int report(int fd, kvm_run& shared) {
        (void)run_nothing(fd, shared);
        shared.exit_reason = KVM_EXIT_DEBUG;
        shared.debug.arch = {.exception = GATECRASH_VECTOR_DB, .pad = 0, .pc = 0, .dr6 = 0xffff4ff0, .dr7 = 0x400};
        return 0;
    }

    static void inject(int fd, kvm_run& shared) {
        const bool is_shared = (shared.kvm_dirty_regs & KVM_SYNC_X86_EVENTS) != 0;
        kvm_vcpu_events events = shared.s.regs.events;
        if (!is_shared) (void)::ioctl(fd, KVM_GET_VCPU_EVENTS, &events);
        events.exception.injected = 1;
        events.exception.nr = GATECRASH_VECTOR_DB;
        events.exception.has_error_code = 0;
        if (is_shared) shared.s.regs.events = events;
        if (!is_shared) (void)::ioctl(fd, KVM_SET_VCPU_EVENTS, &events);
    }

    bool is_stepped_ = false, is_left_ = false;
};

class RefusingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& shared) override {
        if (request != KVM_RUN || shared.immediate_exit != 0) return ::ioctl(fd, request, argument);
        if (!is_refused(shared)) return ::ioctl(fd, request, argument);
        (void)run_nothing(fd, shared);
        shared.exit_reason = KVM_EXIT_FAIL_ENTRY;
        shared.fail_entry.hardware_entry_failure_reason = 0x80000021;
        return 0;
    }

  private:
    static bool is_refused(const kvm_run& shared) {
        constexpr std::uint64_t needed = KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS;
        if ((shared.kvm_dirty_regs & needed) != needed) return false;
        const auto& events = shared.s.regs.events;
        return (shared.s.regs.regs.rflags & vm::rflags_tf) != 0 && events.interrupt.shadow != 0 &&
               events.exception.injected != 0 && events.exception.nr == GATECRASH_VECTOR_DB;
    }
};

class UnblockingShim : public kvm::Shim {
  public:
    int call(int fd, unsigned long request, void* argument, kvm_run& /*shared*/) override {
        if (request != KVM_SET_GUEST_DEBUG) return ::ioctl(fd, request, argument);
        auto debug = *static_cast<const kvm_guest_debug*>(argument);
        debug.control &= ~std::uint32_t{KVM_GUESTDBG_BLOCKIRQ};
        return ::ioctl(fd, request, &debug);
    }
};

template <typename T>
kvm::ShimFactory make() {
    return [] { return std::make_unique<T>(); };
}

}  // namespace

kvm::ShimFactory keep_latched_nmis() { return make<LatchingShim>(); }
kvm::ShimFactory scramble_unusable_segments() { return make<ScramblingShim>(); }
kvm::ShimFactory lose_written_pages(unsigned nth) {
    return [nth] { return std::make_unique<LosingShim>(nth); };
}
kvm::ShimFactory delay_pages_after_hlt() { return make<DelayingShim>(); }
kvm::ShimFactory interrupt_runs() { return make<InterruptingShim>(); }
kvm::ShimFactory send_signals() { return make<SignallingShim>(); }
kvm::ShimFactory unmap_pages(unsigned runs) {
    return [runs] { return std::make_unique<UnmappingShim>(runs); };
}
kvm::ShimFactory report_int1(std::uint64_t address) {
    return [address] { return std::make_unique<ReportingShim>(address); };
}
kvm::ShimFactory end_split_lock(std::uint64_t address) {
    return [address] { return std::make_unique<SplitLockShim>(address); };
}
kvm::ShimFactory give_up_on_nested_debug_exceptions() { return make<GivingUpShim>(); }

kvm::ShimFactory keep_nmi_mask() { return make<MaskingShim>(); }
kvm::ShimFactory leave_traps() { return make<TrappingShim>(); }
kvm::ShimFactory refuse_traps_in_shadows() { return make<RefusingShim>(); }
kvm::ShimFactory ignore_block_irq() { return make<UnblockingShim>(); }

std::span<const NamedShim> harmless_shims() {
    constexpr unsigned often = 8192;
    static const std::array shims{
        NamedShim{"keep-latched-nmis", keep_latched_nmis(), "latched-nmi-dropped"},
        NamedShim{"scramble-unusable-segments", scramble_unusable_segments(), ""},
        NamedShim{"interrupt-runs", interrupt_runs(), ""},
        NamedShim{"send-signals", send_signals(), ""},
        NamedShim{"unmap-pages", unmap_pages(often), ""},
    };
    return shims;
}

const kvm::ShimFactory& find_shim(std::string_view name) {
    const auto shims = harmless_shims();
    const auto found = std::ranges::find(shims, name, &NamedShim::name);
    if (found == shims.end()) throw std::out_of_range("no shim " + std::string(name));
    return found->make;
}

}  // namespace gatecrash
