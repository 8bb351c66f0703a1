#include "sweep/phase_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>

namespace gatecrash::sweep {
namespace {

using namespace std::chrono_literals;

double of(const TimeSpent& spent, Phase phase) { return spent.at(static_cast<std::size_t>(phase)); }

TEST(PhaseClock, AddsUpToTheWholeTime) {
    const auto start = std::chrono::steady_clock::now();
    PhaseClock clock(Phase::starting);
    std::this_thread::sleep_for(2ms);
    {
        const During stepping(&clock, Phase::stepping);
        std::this_thread::sleep_for(2ms);
    }
    const auto spent = clock.spent();
    const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
    const auto sum = std::accumulate(spent.begin(), spent.end(), 0.0);
    EXPECT_GE(sum, 0.004);
    EXPECT_LE(sum, whole.count());
    EXPECT_GE(of(spent, Phase::starting), 0.001);
    EXPECT_GE(of(spent, Phase::stepping), 0.001);
    EXPECT_EQ(of(spent, Phase::injecting), 0);
}

TEST(PhaseClock, ReturnsToTheEnclosingPhase) {
    PhaseClock clock(Phase::starting);
    const During injecting(&clock, Phase::injecting);
    { const During checking(&clock, Phase::checking); }
    EXPECT_EQ(clock.begin(Phase::waiting), Phase::injecting);
}

TEST(PhaseClock, ChargesWhatTurnedOutToBeAnotherPhase) {
    PhaseClock clock(Phase::injecting);
    std::this_thread::sleep_for(2ms);
    clock.charge(Phase::endless);
    EXPECT_EQ(clock.begin(Phase::waiting), Phase::injecting);
    const auto spent = clock.spent();
    EXPECT_GE(of(spent, Phase::endless), 0.001);
}

TEST(PhaseClock, IsOptional) { const During nothing(nullptr, Phase::checking); }

}  // namespace
}  // namespace gatecrash::sweep
