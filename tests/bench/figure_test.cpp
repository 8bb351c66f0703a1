#include "gatecrash/bench/figure.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "gatecrash/bench/baseline.hpp"

namespace gatecrash::bench {
namespace {

/// 1 to `last`, in an order that is not sorted.
std::vector<double> numbers_to(int last) {
    std::vector<double> numbers(static_cast<std::size_t>(last));
    std::iota(numbers.begin(), numbers.end(), 1);
    std::rotate(numbers.begin(), numbers.begin() + last / 3, numbers.end());
    return numbers;
}

Figure figure(const std::string& name, const std::string& unit, double median, double spread = 0) {
    return {.name = name,
            .unit = unit,
            .median = median,
            .min = median - spread,
            .p99 = median + spread,
            .interval = {median - spread, median + spread},
            .runs = 1,
            .valid = true,
            .note = ""};
}

TEST(Figure, HasTheOrderStatistics) {
    const auto figure = summarize("x", "cycles", numbers_to(101), "note");
    EXPECT_EQ(figure.min, 1);
    EXPECT_EQ(figure.median, 51);
    EXPECT_EQ(figure.p99, 100);
    EXPECT_EQ(figure.runs, 101U);
    EXPECT_TRUE(figure.valid);
}

TEST(Figure, OfOneSampleIsThatSample) {
    const auto figure = summarize("x", "instructions", {7}, "");
    EXPECT_EQ(figure.median, 7);
    EXPECT_EQ(figure.interval, (Interval{7, 7}));
    EXPECT_TRUE(is_narrow(figure));
}

/// The median's 95 % interval lies between the order statistics n/2 -+ 0.98 sqrt(n) (the binomial's normal limit).
TEST(Figure, HasTheIntervalThatTheOrderStatisticsHave) {
    constexpr int count = 1001;
    const auto interval = bootstrap_interval(numbers_to(count));
    const double half_width = 0.98 * std::sqrt(count);
    EXPECT_NEAR(interval.low, 501 - half_width, half_width / 4);
    EXPECT_NEAR(interval.high, 501 + half_width, half_width / 4);
    EXPECT_EQ(interval, bootstrap_interval(numbers_to(count)));  // from a fixed seed
}

TEST(Figure, OfWhatIsBeyondAnOverheadHasBothSpreads) {
    const std::vector<double> constant(1001, 10);
    auto shifted = numbers_to(1001);
    for (auto& each : shifted) each += 10;
    const auto beyond = summarize_beyond("x", "cycles", shifted, constant, "");
    EXPECT_EQ(beyond.median, 501);
    EXPECT_EQ(beyond.min, 1);
    const auto alone = bootstrap_interval(numbers_to(1001));
    EXPECT_NEAR(beyond.interval.low, alone.low, 10);

    const auto noisy = bootstrap_interval(numbers_to(1001), numbers_to(1001));
    EXPECT_GT(noisy.high - noisy.low, 1.2 * (alone.high - alone.low));  // sqrt(2) times
}

TEST(Figure, IsNarrowIfItsMedianIsKnown) {
    EXPECT_TRUE(is_narrow(figure("x", "cycles", 100, 2.4)));
    EXPECT_FALSE(is_narrow(figure("x", "cycles", 100, 2.6)));
}

TEST(Baseline, FlagsWhatIsSlowerForCertain) {
    const std::vector<Figure> then{figure("a", "cycles", 100, 1), figure("b", "cycles", 100, 1),
                                   figure("c", "cycles", 100, 20)};
    const std::vector<Figure> now{figure("a", "cycles", 110, 1), figure("b", "cycles", 104, 1),
                                  figure("c", "cycles", 125, 20)};
    const auto changes = compare(then, now, 0.05);
    ASSERT_EQ(changes.size(), 3U);
    EXPECT_TRUE(changes[0].worse);
    EXPECT_NEAR(changes[0].ratio, 1.1, 1e-9);
    EXPECT_NEAR(changes[0].interval.low, 109. / 101, 1e-9);
    EXPECT_NEAR(changes[0].interval.high, 111. / 99, 1e-9);
    EXPECT_FALSE(changes[1].worse);  // within the threshold
    EXPECT_FALSE(changes[2].worse);  // not known well enough
    EXPECT_FALSE(compare(then, now, 0.2)[0].worse);
}

TEST(Baseline, ComparesCountsExactly) {
    const std::vector<Figure> then{figure("a", "instructions", 100)};
    EXPECT_TRUE(compare(then, std::vector{figure("a", "instructions", 106)}, 0.05)[0].worse);
    EXPECT_FALSE(compare(then, std::vector{figure("a", "instructions", 105)}, 0.05)[0].worse);
    EXPECT_FALSE(compare(then, std::vector{figure("a", "instructions", 50)}, 0)[0].worse);
}

TEST(Baseline, LeavesOutWhatCannotBeCompared) {
    auto invalid = figure("a", "cycles", 100);
    invalid.valid = false;
    EXPECT_TRUE(compare(std::vector{invalid}, std::vector{figure("a", "cycles", 200)}, 0).empty());
    EXPECT_TRUE(compare(std::vector{figure("a", "cycles", 100)}, std::vector{invalid}, 0).empty());
    EXPECT_TRUE(compare(std::vector{figure("a", "ns", 100)}, std::vector{figure("a", "cycles", 200)}, 0).empty());
    EXPECT_TRUE(compare(std::vector{figure("a", "1/s", 100)}, std::vector{figure("a", "1/s", 50)}, 0).empty());
    EXPECT_TRUE(compare(std::vector{figure("a", "cycles", 0, 3)}, std::vector{figure("a", "cycles", 9)}, 0).empty());
}

}  // namespace
}  // namespace gatecrash::bench
