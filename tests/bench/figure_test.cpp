#include "bench/figure.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "bench/baseline.hpp"

namespace gatecrash::bench {
namespace {

/// Returns 1 to `last` in an arbitrary order.
std::vector<double> numbers_to(int last) {
    std::vector<double> numbers(static_cast<std::size_t>(last));
    std::iota(numbers.begin(), numbers.end(), 1);
    std::mt19937_64 random;
    for (std::size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[random() % i]);
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

TEST(Ratio, IsThatOfTheMedians) {
    const auto of = summarize("a", "ns", {12}, ""), to = summarize("b", "ns", {4}, "");
    const auto figure = ratio("a_to_b", of, to, "note");
    EXPECT_EQ(figure.median, 3);
    EXPECT_EQ(figure.unit, "ratio");
    EXPECT_EQ(figure.interval, (Interval{3, 3}));
    EXPECT_EQ(figure.runs, 1U);
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

TEST(Figure, TakesTheNearestRank) {
    const auto figure = summarize("x", "ns", numbers_to(20), "");
    EXPECT_EQ(figure.p99, 20);
    EXPECT_EQ(figure.median, 10);
    EXPECT_EQ(median_of({3, 1, 2}), 2);
    EXPECT_EQ(median_of({4, 3, 1, 2}), 2);
}

/// For independent samples, the interval from rounds is about as wide as that of the order statistics. That is n/2 -+
/// 0.98 sqrt(n), the normal limit of the binomial.
TEST(Figure, HasTheIntervalOfIndependentSamples) {
    constexpr int count = 4001;
    const auto interval = summarize("x", "cycles", numbers_to(count), "").interval;
    const double half_width = 0.98 * std::sqrt(count);
    EXPECT_NEAR(interval.low, count / 2. - half_width, half_width);
    EXPECT_NEAR(interval.high, count / 2. + half_width, half_width);
    EXPECT_LT(interval.low, count / 2.);
    EXPECT_GT(interval.high, count / 2.);
    EXPECT_EQ(interval,
              summarize("x", "cycles", numbers_to(count), "").interval);  // a fixed seed gives the same interval
}

/// More measurements in a round do not help, because variation between rounds limits how well the median is known.
TEST(Figure, IsNoBetterKnownThanItsRoundsAgree) {
    std::vector<std::vector<double>> rounds;
    rounds.reserve(20);
    for (int i = 0; i < 20; ++i) rounds.emplace_back(200, i % 2 == 0 ? 100 : 120);
    const auto figure = summarize_rounds("x", "cycles", rounds, "");
    EXPECT_EQ(figure.interval, (Interval{100, 120}));
    EXPECT_FALSE(is_narrow(figure));
    EXPECT_EQ(figure.runs, 4000U);

    for (auto& round : rounds) round.assign(200, 100);
    rounds.front().assign(200, 120);
    EXPECT_TRUE(is_narrow(summarize_rounds("x", "cycles", rounds, "")));
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
    const auto changes = compare(then, now, 0.05).changes;
    ASSERT_EQ(changes.size(), 3U);
    EXPECT_TRUE(changes[0].worse);
    EXPECT_NEAR(changes[0].ratio, 1.1, 1e-9);
    EXPECT_NEAR(changes[0].interval.low, 109. / 101, 1e-9);
    EXPECT_NEAR(changes[0].interval.high, 111. / 99, 1e-9);
    EXPECT_FALSE(changes[1].worse);  // the increase is within the threshold
    EXPECT_FALSE(changes[2].worse);  // the intervals are too wide
    EXPECT_FALSE(compare(then, now, 0.2).changes[0].worse);
}

TEST(Baseline, ComparesCountsExactly) {
    const std::vector<Figure> then{figure("a", "instructions", 100)};
    EXPECT_TRUE(compare(then, std::vector{figure("a", "instructions", 106)}, 0.05).changes[0].worse);
    EXPECT_FALSE(compare(then, std::vector{figure("a", "instructions", 105)}, 0.05).changes[0].worse);
    EXPECT_FALSE(compare(then, std::vector{figure("a", "instructions", 50)}, 0).changes[0].worse);
}

TEST(Baseline, SaysWhatItCannotCompare) {
    auto invalid = figure("a", "cycles", 100);
    invalid.valid = false;
    const auto valid = figure("a", "cycles", 200);
    const auto left_out = [](const Figure& then, const Figure& now) {
        const auto comparison = compare(std::vector{then}, std::vector{now}, 0);
        EXPECT_TRUE(comparison.changes.empty());
        return comparison.left_out;
    };
    const std::vector<std::string> all{"a (cycles)"};
    EXPECT_EQ(left_out(invalid, valid), all);
    EXPECT_EQ(left_out(valid, invalid), all);
    EXPECT_EQ(left_out(figure("a", "ns", 100), valid), all);
    EXPECT_EQ(left_out(figure("a", "cycles", 0, 3), valid), all);
    // A rate, of which more is better, can be compared as well.
    EXPECT_TRUE(left_out(figure("a", "1/s", 100), figure("a", "1/s", 50)).empty());
}

}  // namespace
}  // namespace gatecrash::bench
