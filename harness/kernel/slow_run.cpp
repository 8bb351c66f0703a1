#include "kernel/slow_run.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/kernel_stepper.hpp"
#include "vm/loop_detector.hpp"

namespace gatecrash::kernel {
namespace {

class LoopSearch {
  public:
    LoopSearch(KernelGuest& guest, const KernelFacts& facts, const KernelState& begin)
        : guest_(guest), stepper_(guest, facts), begin_(begin) {}

    /// Returns how the run ends. Empty if it neither ends nor comes back to an earlier state soon. First it looks at
    /// the state at each delivery, since most endless runs are exceptions that raise one another; then at each
    /// instruction.
    std::optional<SlowEnd> find() {
        const auto is_kept = [this](const KernelState& kept) { return is_now(kept); };
        const auto save = [this](const KernelState* /*kept*/) { return this->save(); };
        vm::Recurrence<KernelState> at_deliveries(1), at_steps(1);
        while (at_deliveries.looks() < most_deliveries) {
            auto stop = stepper_.run_to_delivery();
            if (stop && std::holds_alternative<StillRuns>(*stop)) break;
            if (stop) return SlowEnd{*stop};
            if (at_deliveries.look(is_kept, save)) return SlowEnd{StillRuns{}, lowest_delivery()};
        }
        while (at_steps.looks() < most_steps) {
            if (const auto step = stepper_.step(); step.end) return SlowEnd{*step.end};
            if (at_steps.look(is_kept, save)) return SlowEnd{StillRuns{}, lowest_step()};
        }
        return std::nullopt;
    }

  private:
    static constexpr std::uint64_t most_deliveries = 20'000, most_steps = 5000;

    KernelState save() { return guest_.save(&begin_, KernelGuest::Save::cpu); }
    bool is_now(const KernelState& kept) {
        return std::memcmp(&guest_.cpu().regs(), &kept.cpu.regs, sizeof(kvm_regs)) == 0 &&
               guest_.memory_states().equals(kept.pages) && guest_.cpu_state().same_as(kept.cpu);
    }

    /// Goes once round the loop, from delivery to delivery.
    vm::Virtual lowest_delivery() {
        const auto kept = save();
        auto lowest = guest_.rip();
        for (std::uint64_t i = 0; i < most_deliveries; ++i) {
            // On a busy host, it may return before the next delivery.
            if (!stepper_.run_to_delivery()) lowest = std::min(lowest, guest_.rip());
            if (is_now(kept)) break;
        }
        return lowest;
    }

    /// Goes once round the loop, instruction by instruction.
    vm::Virtual lowest_step() {
        const auto kept = save();
        auto lowest = guest_.rip();
        std::optional<vm::Virtual> delivered;
        for (std::uint64_t i = 0; i < most_steps; ++i) {
            const auto step = stepper_.step();
            lowest = std::min(lowest, guest_.rip());
            if (step.delivered) delivered = std::min(delivered.value_or(guest_.rip()), guest_.rip());
            if (step.end || is_now(kept)) break;
        }
        return delivered.value_or(lowest);
    }

    KernelGuest& guest_;
    KernelStepper stepper_;
    const KernelState& begin_;
};

}  // namespace

SlowEnd finish_slow_run(KernelGuest& guest, const KernelFacts& facts, const KernelState& begin) {
    if (auto end = LoopSearch(guest, facts, begin).find()) return *end;
    return {guest.run_patiently()};
}

}  // namespace gatecrash::kernel
