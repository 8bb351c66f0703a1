#include <gtest/gtest.h>

#include <array>

#include "gatecrash/explore/sweep.hpp"

namespace gatecrash::explore {
namespace {

Finding finding(const std::string& symbol, std::uint64_t order, std::uint64_t alike = 1) {
    return {.schedule = {"c/v", {{machine::Event::nmi(), {symbol, 0, 1, {}}}}},
            .violation = {Invariant::stack, symbol},
            .also = {},
            .schedules = alike,
            .window = 0,
            .order = order};
}

/// `levels` of {schedules, pruned}.
SweepResult shard(unsigned index, std::vector<Level> levels, std::vector<Finding> findings = {}) {
    SweepResult result;
    result.shard = {index, 2};
    result.boundaries = 2 * Shard::block_size;
    result.depth = static_cast<unsigned>(levels.size() - 1);
    result.levels = std::move(levels);
    result.findings = std::move(findings);
    return result;
}

TEST(Merge, AddsUpWhatHolds) {
    const auto whole = merge(std::array{shard(1, {{1, 0}, {5, 2}, {50, 20}}), shard(2, {{0, 0}, {4, 3}, {40, 30}})});
    EXPECT_EQ(whole.shard, Shard{});
    EXPECT_EQ(whole.boundaries, 2 * Shard::block_size);
    EXPECT_EQ(whole.depth, 2U);
    EXPECT_EQ(whole.schedules, 100U);
    EXPECT_EQ(whole.pruned, 55U);
    EXPECT_TRUE(whole.findings.empty());
}

TEST(Merge, IsInterruptedOnlyInWhatItKeeps) {
    auto on_the_way = shard(1, {{1, 0}, {5, 2}, {50, 20}});
    on_the_way.interrupted = true;
    EXPECT_TRUE(merge(std::array{on_the_way, shard(2, {{0, 0}, {4, 3}, {40, 30}})}).interrupted);
    EXPECT_FALSE(merge(std::array{on_the_way, shard(2, {{0, 0}, {4, 3}}, {finding("a", 2)})}).interrupted);
}

TEST(Merge, IsExhaustiveOnlyIfAllShardsAre) {
    constexpr auto block = Shard::block_size;
    auto cut = shard(1, {{1, 0}, {5, 2}});
    cut.not_exhaustive = Coverage{1, 2, block};
    const auto whole = merge(std::array{cut, shard(2, {{0, 0}, {4, 3}, {9, 9}})});
    EXPECT_EQ(whole.not_exhaustive, (Coverage{1, 2 + block, 2 * block}));
    auto later = shard(2, {{0, 0}, {4, 3}, {9, 9}});
    later.not_exhaustive = Coverage{2, 1, block};
    EXPECT_EQ(merge(std::array{later, cut}).not_exhaustive, (Coverage{1, 2 + block, 2 * block}));
}

TEST(Merge, DropsWhatLiesBehindTheFirstLengthThatBreaks) {
    const auto whole = merge(std::array{shard(1, {{1, 0}, {5, 2}, {50, 20}}, {finding("b", 1)}),
                                        shard(2, {{0, 0}, {4, 3}}, {finding("a", 2)})});
    EXPECT_EQ(whole.depth, 1U);
    EXPECT_EQ(whole.schedules, 10U);
    EXPECT_EQ(whole.pruned, 5U);
    EXPECT_EQ(whole.levels, (std::vector<Level>{{1, 0}, {9, 5}}));
    EXPECT_EQ(whole.findings, std::vector{finding("a", 2)});
}

TEST(Merge, OrdersFindingsAndCountsThoseThatAreAlikeTogether) {
    const auto whole = merge(std::array{shard(1, {{}, {}}, {finding("a", 3, 2), finding("b", 5)}),
                                        shard(2, {{}, {}}, {finding("c", 2), finding("a", 4, 7)})});
    EXPECT_EQ(whole.findings, (std::vector{finding("c", 2), finding("a", 3, 9), finding("b", 5)}));
}

TEST(Merge, IsInterruptedIfAShardWas) {
    auto interrupted = shard(2, {{}, {}});
    interrupted.interrupted = true;
    EXPECT_TRUE(merge(std::array{shard(1, {{}, {}}), interrupted}).interrupted);
}

}  // namespace
}  // namespace gatecrash::explore
