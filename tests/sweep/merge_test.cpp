#include <gtest/gtest.h>

#include <array>

#include "sweep/sweep.hpp"

namespace gatecrash::sweep {
namespace {

Finding finding(const std::string& symbol, std::uint64_t order, std::uint64_t alike = 1) {
    return {.schedule = {"c/v", {{vm::Event::nmi(), {symbol, 0, 1, {}}}}},
            .violation = {Invariant::stack, symbol},
            .also = {},
            .schedules = alike,
            .window = 0,
            .order = order};
}

/// Returns a shard with these `levels`, each a pair {schedules, pruned}.
SweepResult shard(unsigned index, std::vector<Level> levels, std::vector<Finding> findings = {}) {
    SweepResult result;
    result.shard = {index, 2};
    result.boundaries = 2 * Shard::block_size;
    result.depth = static_cast<unsigned>(levels.size() - 1);
    result.levels = std::move(levels);
    result.findings = std::move(findings);
    return result;
}

TEST(Shard, HasBoundariesIfItHasABlock) {
    for (unsigned index = 1; index <= 5; ++index) {
        for (const std::uint64_t boundaries : {0, 1, 16, 17, 48, 49}) {
            bool any = false;
            for (std::uint64_t i = 0; i < boundaries; ++i) any = any || Shard{index, 5}.has(i);
            EXPECT_EQ((Shard{index, 5}.has_any_of(boundaries)), any) << index << " of " << boundaries;
        }
    }
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

TEST(Merge, DropsLengthsAfterTheFirstThatBreaks) {
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

/// Returns a shard with schedules of one event, divided into `stretches`.
SweepResult divided(unsigned index, std::vector<Stretch> stretches, std::vector<Finding> findings) {
    auto result = shard(index, {{index == 1 ? 1U : 0U, 0}, {}}, std::move(findings));
    for (const auto& stretch : stretches) {
        result.levels[1].schedules += stretch.schedules;
        result.levels[1].pruned += stretch.pruned;
    }
    result.levels[1].stretches = std::move(stretches);
    return result;
}

/// Returns a shard in which block 0 finds a, and block 2 finds b and another finding like it.
SweepResult odd_blocks() {
    return divided(1, {{0, 3, 1, {}, true}, {0, 2}, {2, 5, 0, {{0, 4}}, true}, {2, 1, 0, {{1, 1}}}},
                   {finding("a", 3, 5), finding("b", 40, 2)});
}
/// Returns a shard in which block 1 finds something like a, and then c, and block 3 finds nothing new.
SweepResult even_blocks() {
    return divided(2, {{1, 7, 2, {}, true}, {1, 1, 0, {{0, 1}}, true}, {1, 10, 6}, {3, 20, 0, {{1, 9}}}},
                   {finding("a", 20, 2), finding("c", 21, 10)});
}

TEST(Merge, StopsAtTheFindingThatIsTheLastOneWanted) {
    const auto shards = std::array{odd_blocks(), even_blocks()};
    const auto one = merge(shards, 1);
    EXPECT_EQ(one.stopped_after, 1U);
    EXPECT_EQ(one.levels[1], (Level{3, 1, {{0, 3, 1, {}, true}}}));
    EXPECT_EQ(one.findings, std::vector{finding("a", 3)});
    EXPECT_EQ(one.schedules, 4U);
    EXPECT_EQ(one.boundaries, 2 * Shard::block_size);

    const auto two = merge(shards, 2);
    EXPECT_EQ(two.stopped_after, 2U);
    EXPECT_EQ(two.findings, (std::vector{finding("a", 3, 3), finding("c", 21)})) << "what is like a came up in block 1";
    EXPECT_EQ(two.levels[1], (Level{13, 3, {{0, 3, 1, {}, true}, {0, 2, 0}, {1, 8, 2, {{0, 2}}, true}}}));

    const auto three = merge(shards, 3);
    EXPECT_EQ(three.stopped_after, 3U);
    EXPECT_EQ(three.findings, (std::vector{finding("a", 3, 7), finding("c", 21), finding("b", 40)}));
    EXPECT_EQ(three.levels[1].schedules, 3U + 2 + 8 + 10 + 5);
}

TEST(Merge, KeepsTheExtremesOfLevelsThatAreWhole) {
    auto shards = std::array{odd_blocks(), even_blocks()};
    shards[0].levels[1].extremes = {{{"task", 100}, {"nmi", 300}}, {{32, 1}}};
    shards[1].levels[1].extremes = {{{"task", 200}}, {{32, 2}}};
    EXPECT_EQ(extremes_of(merge(shards, 4)), (Extremes{{{"nmi", 300}, {"task", 200}}, {{32, 2}}}));
    EXPECT_EQ(extremes_of(merge(shards, 2)), Extremes{}) << "how much of each shard counts is not known";
    auto deeper = shard(1, {{1, 0}, {5, 2}, {50, 20}});
    deeper.levels[1].extremes = {{{"task", 100}}, {}};
    deeper.levels[2].extremes = {{{"task", 900}}, {}};
    EXPECT_EQ(extremes_of(merge(std::array{deeper, shard(2, {{0, 0}, {4, 3}}, {finding("a", 2)})})),
              (Extremes{{{"task", 100}}, {}}))
        << "the other shard found something at depth 1";
}

TEST(Merge, KeepsTheCodeThatLevelsThatAreWholeExecuted) {
    const auto code = [](std::uint64_t begin, std::uint64_t end) {
        vm::CodeSet set;
        set.add(vm::Virtual{begin}, vm::Virtual{end});
        return set;
    };
    auto shards = std::array{odd_blocks(), even_blocks()};
    shards[1].code = "0123456789abcdef";
    shards[0].levels[0].executed = code(1, 3);
    shards[0].levels[1].executed = code(10, 12);
    shards[1].levels[1].executed = code(12, 15);
    auto whole = code(1, 3);
    whole.include(code(10, 15));
    EXPECT_EQ(executed_by(merge(shards, 4)), whole);
    EXPECT_EQ(merge(shards, 4).code, "0123456789abcdef");
    EXPECT_EQ(executed_by(merge(shards, 2)), code(1, 3)) << "how much of each shard counts is not known";
}

/// Returns the map of a shard that left out the pairs from `pairs_end` on. It has those of the second boundary.
OutcomeMap map_until(std::uint64_t pairs_end) {
    const MapPlace place{vm::Virtual{7}, "code", 7};
    return {.events = {"nmi"},
            .windows = {{place, place, place}},
            .instructions = {place},
            .singles = {{MapRow{}, {Cell::held, Cell::held, Cell::held}}},
            .pairs = {{MapRow{.first = MapFirst{1, 0}}, {Cell::held}}},
            .pairs_end = pairs_end};
}

TEST(Merge, ForgetsWhatAShardLeftOutAfterTheStop) {
    auto deeper = shard(1, {{1, 0}, {5, 2}, {50, 20}});
    deeper.map = map_until(2);
    const auto one = merge(std::array{deeper, shard(2, {{0, 0}, {4, 3}}, {finding("a", 2)})});
    EXPECT_EQ(one.depth, 1U);
    EXPECT_EQ(one.map.pairs_end, std::nullopt) << "the undivided sweep has no pairs";
    EXPECT_TRUE(one.map.pairs.empty());

    const auto two_events = [](std::uint64_t order) {
        auto shard_of_two = shard(2, {{0, 0}, {4, 3}, {}}, {finding("a", order)});
        shard_of_two.levels[2].stretches = {{.block = 0, .schedules = 1, .finds = true}};
        return shard_of_two;
    };
    const auto before = merge(std::array{deeper, two_events(2)}, 1);
    EXPECT_EQ(before.stopped_after, 1U);
    EXPECT_EQ(before.map.pairs_end, std::nullopt) << "the undivided sweep stops before";
    EXPECT_EQ(before.map.pairs.size(), 1U);
    EXPECT_EQ(merge(std::array{deeper, two_events(3)}, 1).map.pairs_end, 2U);
    EXPECT_EQ(merge(std::array{deeper, shard(2, {{0, 0}, {4, 3}, {5, 5}})}).map.pairs_end, 2U);
}

TEST(Merge, StopsNowhereIfThereAreFewerFindings) {
    for (const std::uint64_t max : {0, 4}) {
        const auto whole = merge(std::array{odd_blocks(), even_blocks()}, max);
        EXPECT_EQ(whole.stopped_after, std::nullopt);
        EXPECT_EQ(whole.findings, (std::vector{finding("a", 3, 7), finding("c", 21, 10), finding("b", 40, 2)}));
        EXPECT_EQ(whole.levels[1].schedules, 49U);
        EXPECT_EQ(whole.levels[1].pruned, 9U);
    }
}

TEST(Merge, OfMergedShardsIsThatOfAll) {
    const auto shards = std::array{odd_blocks(), even_blocks()};
    for (const std::uint64_t max : {1, 2, 3, 4}) {
        const auto whole = merge(shards, max);
        EXPECT_EQ(merge(std::array{merge(std::array{shards[0]}, max), merge(std::array{shards[1]}, max)}, max), whole);
        EXPECT_EQ(merge(std::array{whole}, max), whole);
    }
}

TEST(Merge, NeedsOnlyWhatIsBeforeTheStop) {
    auto late = even_blocks();
    late.interrupted = true;  // the interruption is in block 3
    EXPECT_FALSE(merge(std::array{odd_blocks(), late}, 3).interrupted);
    EXPECT_TRUE(merge(std::array{odd_blocks(), late}, 4).interrupted);
    EXPECT_TRUE(merge(std::array{odd_blocks(), late}).interrupted);
    auto early = late;
    early.levels[1] = {7, 2, {early.levels[1].stretches.front()}};
    early.findings.pop_back();
    EXPECT_TRUE(merge(std::array{odd_blocks(), early}, 2).interrupted) << "in block 1, where it may find the second";
    EXPECT_FALSE(merge(std::array{odd_blocks(), early}, 1).interrupted);
    late.interrupted = false;
    late.not_exhaustive = Coverage{1, 2, Shard::block_size};
    EXPECT_FALSE(merge(std::array{odd_blocks(), late}, 3).not_exhaustive);
    EXPECT_TRUE(merge(std::array{odd_blocks(), late}, 4).not_exhaustive);
}

TEST(LastBlock, IsThatOfTheFindingWhichStopsTheSweep) {
    std::vector<Finding> findings{finding("b", 9), finding("a", 5), finding("a", 7), finding("c", 30)};
    const std::array<std::uint64_t, 4> blocks{2, 1, 0, 4};
    for (std::size_t i = 0; i < findings.size(); ++i) findings[i].block = blocks[i];
    EXPECT_EQ(last_block(findings, 0), std::nullopt) << "nothing stops it";
    EXPECT_EQ(last_block(findings, 1), 0U);
    EXPECT_EQ(last_block(findings, 2), 2U) << "both of a are one";
    EXPECT_EQ(last_block(findings, 3), 4U);
    EXPECT_EQ(last_block(findings, 4), std::nullopt);
}

TEST(Merge, IsInterruptedIfAShardWas) {
    auto interrupted = shard(2, {{}, {}});
    interrupted.interrupted = true;
    EXPECT_TRUE(merge(std::array{shard(1, {{}, {}}), interrupted}).interrupted);
}

}  // namespace
}  // namespace gatecrash::sweep
