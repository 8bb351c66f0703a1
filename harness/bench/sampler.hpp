// Takes the samples of a figure.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace gatecrash::bench {

using Clock = std::chrono::steady_clock;

/// A figure gets fewer samples than wanted if they take longer than this.
constexpr auto long_enough = std::chrono::seconds(2);

[[nodiscard]] inline double nanoseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// Takes the samples of one figure.
class Sampler {
  public:
    explicit Sampler(std::size_t wanted) : wanted_(wanted) { samples_.reserve(wanted); }

    [[nodiscard]] bool wants_more() const {
        return samples_.empty() || (samples_.size() < wanted_ && Clock::now() - start_ < long_enough);
    }
    template <typename Work>
    void time(const Work& work) {
        const auto start = Clock::now();
        work();
        samples_.push_back(nanoseconds_since(start));
    }
    [[nodiscard]] const std::vector<double>& samples() const { return samples_; }

  private:
    std::size_t wanted_;
    Clock::time_point start_ = Clock::now();
    std::vector<double> samples_;
};

}  // namespace gatecrash::bench
