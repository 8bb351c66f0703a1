#pragma once

#include <x86intrin.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace gatecrash::sweep {

/// The phases of a worker's time, in the order of phase_table.
enum class Phase : std::uint8_t { starting, stepping, comparing, injecting, checking, examining, endless, waiting };

struct PhaseInfo {
    std::string_view name, meaning;
};
constexpr std::array phase_table{
    PhaseInfo{"starting", "starting machines and guests, finding windows"},
    PhaseInfo{"stepping", "stepping from boundary to boundary, with a snapshot of each"},
    PhaseInfo{"comparing", "looking for states that were met before"},
    PhaseInfo{"injecting", "restoring a boundary, landing an event, running on"},
    PhaseInfo{"checking", "checking the ends of runs against the invariants"},
    PhaseInfo{"examining", "stepping through schedules that break something"},
    PhaseInfo{"endless", "running schedules that do not end"},
    PhaseInfo{"waiting", "workers without work, while others had some"},
};

/// Seconds for each phase, indexed by Phase.
using TimeSpent = std::array<double, phase_table.size()>;

inline void add(TimeSpent& sum, const TimeSpent& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) += more.at(i);
}

/// Adds up the time that each phase takes. Reads the time-stamp counter, which costs about ten nanoseconds on every
/// machine, and derives its rate from a steady clock over the whole time. A system call for each reading could take
/// microseconds on an emulated machine.
class PhaseClock {
  public:
    explicit PhaseClock(Phase first) : now_(first) {}

    /// Begins `phase`, and returns the phase that this ends.
    Phase begin(Phase phase) {
        const auto ticks = __rdtsc();
        ticks_.at(static_cast<std::size_t>(now_)) += ticks - since_;
        since_ = ticks;
        return std::exchange(now_, phase);
    }

    /// Counts the time since the last begin() as `phase` instead, because only now it is known what that time was for.
    void charge(Phase phase) {
        const auto now = std::exchange(now_, phase);
        begin(now);
    }

    /// Returns the time of each phase up to now. The sum is the time since this clock was made.
    [[nodiscard]] TimeSpent spent() {
        begin(now_);
        const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start_;
        const auto ticks = since_ - first_;
        TimeSpent seconds{};
        for (std::size_t i = 0; ticks != 0 && i < seconds.size(); ++i) {
            seconds.at(i) = whole.count() * static_cast<double>(ticks_.at(i)) / static_cast<double>(ticks);
        }
        return seconds;
    }

  private:
    Phase now_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::uint64_t first_ = __rdtsc(), since_ = first_;
    std::array<std::uint64_t, phase_table.size()> ticks_{};
};

/// Counts its own lifetime as `phase`. Does nothing if there is no clock.
class During {
  public:
    During(PhaseClock* clock, Phase phase) : clock_(clock), before_(clock == nullptr ? phase : clock->begin(phase)) {}
    ~During() {
        if (clock_ != nullptr) clock_->begin(before_);
    }
    During(const During&) = delete;
    During& operator=(const During&) = delete;

  private:
    PhaseClock* clock_;
    Phase before_;
};

}  // namespace gatecrash::sweep
