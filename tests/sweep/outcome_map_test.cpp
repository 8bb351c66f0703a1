#include "sweep/outcome_map.hpp"

#include <gmock/gmock.h>

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;

MapPlace place(std::uint64_t address) { return {vm::Virtual{address}, "code", address}; }

/// Returns a map of one window with four boundaries, and two events.
OutcomeMap map_of(std::map<MapRow, Cells> singles) {
    return {
        .events = {"nmi", "irq"}, .windows = {{place(0), place(1), place(2), place(3)}}, .singles = std::move(singles)};
}

TEST(Cells, AreWrittenAsRuns) {
    using enum Cell;
    const Cells cells{held, held, held, cannot_land, waits, waits, pruned, not_reached, broke};
    EXPECT_EQ(to_string(cells), "3h-2wp.b");
    EXPECT_EQ(parse_cells("3h-2wp.b", 9), cells);
    EXPECT_EQ(to_string(Cells{held, not_reached, not_reached}), "h");
    EXPECT_EQ(to_string(Cells()), "");
    EXPECT_EQ(parse_cells("", 0), Cells{});
}

TEST(Cells, AreRefusedIfTheyAreSomethingElse) {
    for (const auto* text : {"x", "3", "h3", "3h ", "5h", "99999999999999999999h", "18446744073709551615h"}) {
        EXPECT_FALSE(parse_cells(text, 4)) << text;
    }
    EXPECT_TRUE(parse_cells("4h", 4));
}

TEST(OutcomeMap, HasTheWorstOfAllShards) {
    using enum Cell;
    auto whole = map_of({{{.event = 0}, {held, not_reached, waits}}});
    whole.include(map_of({{{.event = 0}, {not_reached, broke, waits, held}}, {{.event = 1}, {cannot_land}}}));
    EXPECT_EQ(whole, map_of({{{.event = 0}, {held, broke, waits, held}}, {{.event = 1}, {cannot_land}}}));
}

TEST(OutcomeMap, JoinsPairsByInstruction) {
    using enum Cell;
    const MapRow one{.first = MapFirst{0, 0}}, other{.first = MapFirst{2, 0}};
    OutcomeMap whole, shard;
    whole.instructions = {place(7), place(3)};
    whole.pairs[one] = {held, pruned};
    shard.instructions = {place(3), place(5)};
    shard.pairs[other] = {broke, held};
    whole.include(shard);
    whole.finish();
    EXPECT_THAT(whole.instructions, ElementsAre(place(3), place(5), place(7)));
    EXPECT_THAT(whole.pairs[one], ElementsAre(pruned, not_reached, held));
    EXPECT_THAT(whole.pairs[other], ElementsAre(broke, held));
}

TEST(OutcomeMap, DropsWhatComesAfterAFinding) {
    using enum Cell;
    auto map = map_of({{{.event = 0}, {held, broke, held, held}}, {{.event = 1}, {held, held, held}}});
    map.cut(2, 1);  // an NMI at the second boundary
    EXPECT_EQ(map.singles, (std::map<MapRow, Cells>{{{.event = 0}, {held, broke}}, {{.event = 1}, {held}}}));
}

TEST(OutcomeMap, DropsPairsFromTheFindingOn) {
    using enum Cell;
    auto map = map_of({{{.event = 0}, {held, held}}});
    map.instructions = {place(3), place(5)};
    const MapRow before{.first = MapFirst{0, 1}}, at{.first = MapFirst{1, 0}};
    map.pairs = {{before, {not_reached, held}}, {at, {broke, held}}};
    map.cut(2, 2);
    EXPECT_THAT(map.instructions, ElementsAre(place(5)));
    EXPECT_EQ(map.pairs, (std::map<MapRow, Cells>{{before, {held}}}));
    EXPECT_EQ(map.singles.size(), 1U);
}

/// Records a pair of two NMIs for each instruction from `begin` to `end`. The first NMI is delivered at `boundary`.
void record(OutcomeMap& map, std::uint64_t boundary, std::uint64_t begin, std::uint64_t end) {
    MapRecorder recorder(map);
    recorder.restart();
    recorder.begin_path(0, MapFirst{boundary, 0}, 0);
    for (auto i = begin; i < end; ++i) {
        recorder.begin_boundary(i, vm::Virtual{i}, [&] { return place(i); });
        recorder.note(0, Cell::held);
    }
}

TEST(OutcomeMap, EndsPairsBeforeThereAreTooManyInstructions) {
    constexpr auto most = OutcomeMap::most_instructions;
    OutcomeMap map = map_of({});
    record(map, 0, 0, 2);
    record(map, 1, 2, most + 1);
    record(map, 2, 0, 1);
    map.finish();
    EXPECT_EQ(map.pairs_end, 2U) << "an NMI at the second boundary";
    EXPECT_THAT(map.instructions, ElementsAre(place(0), place(1)));
    EXPECT_EQ(map.pairs, (std::map<MapRow, Cells>{{{.first = MapFirst{0, 0}}, {Cell::held, Cell::held}}}));
    auto again = map;
    again.finish();
    EXPECT_EQ(again, map);
    auto stopped = map;
    stopped.cut(2, 2);
    EXPECT_EQ(stopped.pairs_end, std::nullopt) << "the sweep stopped before";
    stopped = map;
    stopped.cut(4, 2);
    EXPECT_EQ(stopped, map);
}

TEST(OutcomeMap, HasRoomForAsManyInstructionsAsAllowed) {
    OutcomeMap map = map_of({});
    record(map, 0, 0, OutcomeMap::most_instructions);
    map.finish();
    EXPECT_EQ(map.pairs_end, std::nullopt);
    EXPECT_EQ(map.instructions.size(), OutcomeMap::most_instructions);
}

TEST(OutcomeMap, EndsPairsAtTheSameEventHoweverItIsShared) {
    constexpr auto half = OutcomeMap::most_instructions / 2;
    struct Row {
        std::uint64_t boundary, begin, end;
    };
    // With the third row there are too many instructions. Or the second is too long by itself.
    const std::vector<std::vector<Row>> sweeps{{{0, 0, half}, {1, half, 2 * half}, {2, 3, 2 * half + 1}, {3, 0, 1}},
                                               {{0, 0, half}, {1, half, 3 * half + 1}, {2, 0, 9 * half}, {3, 0, 1}}};
    for (const auto& rows : sweeps) {
        OutcomeMap whole = map_of({});
        for (const auto& [boundary, begin, end] : rows) record(whole, boundary, begin, end);
        whole.finish();
        EXPECT_TRUE(whole.pairs_end);
        EXPECT_FALSE(whole.pairs.empty());
        for (unsigned of_second = 0; of_second < 1U << rows.size(); ++of_second) {
            OutcomeMap merged;
            for (const unsigned index : {0U, 1U}) {
                OutcomeMap shard = map_of({});
                for (const auto& [boundary, begin, end] : rows) {
                    if ((of_second >> boundary & 1) == index) record(shard, boundary, begin, end);
                }
                shard.finish();
                merged.include(shard);
            }
            merged.finish();
            EXPECT_TRUE(merged == whole) << of_second;
        }
    }
}

TEST(OutcomeMap, KeepsPairsOnlyForTheFirstBoundaries) {
    OutcomeMap map = map_of({});
    MapRecorder recorder(map);
    for (const auto boundary : {OutcomeMap::most_first_boundaries - 1, OutcomeMap::most_first_boundaries}) {
        recorder.begin_path(0, MapFirst{boundary, 0}, 0);
        recorder.begin_boundary(0, vm::Virtual{7}, [] { return place(7); });
        recorder.note(0, Cell::held);
    }
    EXPECT_EQ(map.pairs.size(), 1U);
}

TEST(OutcomeMap, KeepsTheWorstOfSeveralHits) {
    OutcomeMap map = map_of({});
    MapRecorder recorder(map);
    recorder.begin_path(0, MapFirst{0, 0}, 0);
    for (const auto cell : {Cell::waits, Cell::broke, Cell::held}) {
        recorder.begin_boundary(0, vm::Virtual{7}, [] { return place(7); });
        recorder.note(1, cell);
    }
    EXPECT_THAT((map.pairs[{.first = MapFirst{0, 0}, .event = 1}]), ElementsAre(Cell::broke));
}

}  // namespace
}  // namespace gatecrash::sweep
