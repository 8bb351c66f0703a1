#pragma once

#include <x86intrin.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace gatecrash::explore {

/// What a worker can be doing at a moment of a sweep.
enum class Phase : std::uint8_t {
    starting,   ///< making the virtual machine ready, and finding the guest's windows
    stepping,   ///< walking from boundary to boundary, with a snapshot of each
    comparing,  ///< looking for a start that was met before
    injecting,  ///< restoring a boundary, landing an event, and running on
    checking,   ///< holding the end of a run against the invariants
    examining,  ///< stepping through a schedule that breaks something
    endless,    ///< running a schedule that does not end
    waiting,    ///< nothing to do, while others work
};
constexpr std::array<std::string_view, 8> phase_names{"starting", "stepping",  "comparing", "injecting",
                                                      "checking", "examining", "endless",   "waiting"};

/// Seconds by Phase.
using TimeSpent = std::array<double, phase_names.size()>;

inline void add(TimeSpent& sum, const TimeSpent& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) += more.at(i);
}

/// Adds up the time that each phase takes. It reads the time-stamp counter, which costs some ten nanoseconds on every
/// machine; a system call for the time can take microseconds on an emulated one. So the rate of the counter is taken
/// from the clock of the whole.
class PhaseClock {
  public:
    explicit PhaseClock(Phase first) : now_(first) {}

    /// Begins `phase`, and returns the one that ends.
    Phase begin(Phase phase) {
        const auto ticks = __rdtsc();
        ticks_.at(static_cast<std::size_t>(now_)) += ticks - since_;
        since_ = ticks;
        return std::exchange(now_, phase);
    }

    /// Counts the time since the last begin() as `phase`, which is known only now.
    void charge(Phase phase) {
        const auto now = std::exchange(now_, phase);
        begin(now);
    }

    /// Up to now. Adds up to the time since this clock was made.
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
    std::array<std::uint64_t, phase_names.size()> ticks_{};
};

/// Counts its own lifetime as `phase`, if there is a clock.
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

}  // namespace gatecrash::explore
