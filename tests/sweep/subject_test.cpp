// Tests the sweep on a subject without a guest: which schedules run, in which order, and which results it keeps.
#include <gmock/gmock.h>

#include <set>

#include "sweep/sweep.hpp"

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using vm::Event;

/// A path of a few boundaries; every event can land and is delivered at each of them. A schedule is written as the
/// boundaries of its events. The schedules in `broken` break something.
class Script : public Subject {
  public:
    Script(std::uint64_t boundaries, std::set<std::string> broken)
        : boundaries_(boundaries), broken_(std::move(broken)) {}

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return symbol == "code" ? std::optional(vm::Virtual{0}) : std::nullopt;
    }
    [[nodiscard]] Boundary boundary_of(const Reached& reached) const override {
        return {.symbol = "code", .offset = vm::number(reached.rip), .index = {}};
    }

    bool find_window() override { return windows_ == 0; }
    void keep_window() override { ++windows_; }
    void finish_windows() override {}
    [[nodiscard]] std::size_t windows() const override { return windows_; }

    [[nodiscard]] Path path_of(std::size_t, HitCounter& hits) override {
        Path path;
        for (std::uint64_t i = 0; i < boundaries_; ++i) {
            path.push_back(std::make_unique<Point>(hits.reach(vm::Virtual{i})));
        }
        return path;
    }
    /// Returns the rest of the path.
    [[nodiscard]] Path path_after(const Point&, Event, const Point& to, bool) override {
        HitCounter hits;
        Path path;
        for (auto i = vm::number(to.rip()); i < boundaries_; ++i) {
            path.push_back(std::make_unique<Point>(hits.reach(vm::Virtual{i})));
        }
        return path;
    }
    [[nodiscard]] bool can_land(Event, const Point&) const override { return true; }
    [[nodiscard]] bool can_deliver(Event, const Point&) const override { return true; }

    void land(const Point&, Event, const Point&) override {}
    [[nodiscard]] Ending run(std::size_t, std::span<const Landed> landed, Extremes&) override {
        std::string schedule, kinds;
        for (const auto& [event, at] : landed) schedule += std::to_string(vm::number(at->rip()));
        for (const auto& [event, at] : landed) kinds += (kinds.empty() ? "" : ",") + to_string(event);
        orders.insert(kinds);
        runs.push_back(schedule);
        return broken_.contains(schedule) ? Ending::broken : Ending::held;
    }
    [[nodiscard]] std::vector<Violation> examine(std::size_t, const HitCounter&, const std::vector<Landing>&,
                                                 Ending ending, const TraceSink& trace) override {
        EXPECT_EQ(ending, Ending::broken);
        if (trace) trace(TraceEnd{"a step"});
        ++examinations;
        return {{Invariant::stack, "planted"}, {Invariant::progress, "follows"}};
    }
    [[nodiscard]] bool is_new(std::size_t, const Point&, std::span<const Landed>, unsigned) override { return true; }
    void forget() override {}
    std::string code() const override { return "the script"; }
    vm::CodeSet take_executed() override { return {}; }
    void restart_extremes() override {}

    std::vector<std::string> runs;
    std::set<std::string> orders;  ///< of the events that landed
    int examinations = 0;

  private:
    std::string name_ = "script";
    std::uint64_t boundaries_;
    std::set<std::string> broken_;
    std::size_t windows_ = 0;
};

SweepOptions nmis(unsigned depth) {
    SweepOptions options;
    options.events = {Event::nmi()};
    options.depth = depth;
    return options;
}

TEST(Subject, HasItsShorterSchedulesRunFirst) {
    Script script(3, {});
    const auto result = sweep(script, nmis(2));
    EXPECT_THAT(script.runs, ElementsAre("", "0", "1", "2", "00", "01", "02", "11", "12", "22"));
    EXPECT_THAT(result.findings, IsEmpty());
    EXPECT_EQ(result.boundaries, 3U);
    EXPECT_EQ(result.schedules, 10U);
}

TEST(Subject, IsSweptUpToTheLengthThatBreaks) {
    Script script(3, {"12"});
    const auto result = sweep(script, nmis(3));
    ASSERT_EQ(result.findings.size(), 1U);
    const auto& finding = result.findings.front();
    EXPECT_EQ(to_string(finding.schedule), "script@nmi:code+0x1,nmi:code+0x2");
    EXPECT_EQ(finding.violation, (Violation{Invariant::stack, "planted"}));
    EXPECT_THAT(finding.also, ElementsAre(Invariant::progress));
    EXPECT_EQ(result.depth, 2U);
    EXPECT_EQ(script.runs.back(), "22");
}

TEST(Subject, HasOnlyTheFirstOfAlikeFindingsExamined) {
    Script script(3, {"02", "12"});  // both have the last event on the same instruction
    const auto result = sweep(script, nmis(2));
    ASSERT_EQ(result.findings.size(), 1U);
    EXPECT_EQ(result.findings.front().schedules, 2U);
    EXPECT_EQ(script.examinations, 1);
}

TEST(Subject, IsDividedIntoShardsWithoutOverlap) {
    constexpr unsigned shards = 2;
    constexpr std::uint64_t boundaries = 2 * Shard::block_size + 1;
    Script whole(boundaries, {});
    (void)sweep(whole, nmis(1));
    std::vector<std::string> parts;
    for (unsigned i = 1; i <= shards; ++i) {
        Script script(boundaries, {});
        auto options = nmis(1);
        options.shard = {i, shards};
        (void)sweep(script, options);
        parts.insert(parts.end(), script.runs.begin() + (i == 1 ? 0 : 1), script.runs.end());
    }
    EXPECT_THAT(parts, testing::UnorderedElementsAreArray(whole.runs));
}

TEST(Subject, ResumesFromEachCheckpoint) {
    std::vector<Checkpoint> checkpoints;
    auto options = nmis(2);
    options.at_schedule = [&](const std::function<Checkpoint()>& checkpoint) { checkpoints.push_back(checkpoint()); };
    Script script(3, {"12"});
    const auto whole = sweep(script, options);
    ASSERT_EQ(checkpoints.size(), 9U);
    for (const auto& checkpoint : checkpoints) {
        auto rest = nmis(2);
        rest.from = checkpoint;
        Script again(3, {"12"});
        EXPECT_EQ(sweep(again, rest), whole);
    }
}

TEST(Subject, CanHaveItsEventsLandInOneOrder) {
    Script script(2, {});
    auto options = nmis(3);
    options.events = {Event::nmi(), Event::db(), Event::nmi()};
    options.in_order = true;
    const auto result = sweep(script, options);
    EXPECT_THAT(script.orders, ElementsAre("", "nmi", "nmi,db", "nmi,db,nmi"));
    EXPECT_EQ(result.levels.at(3).schedules, 4U);  // 000, 001, 011, 111
}

TEST(Subject, WithoutTheSymbolOfAWindowIsRefused) {
    Script script(3, {});
    auto options = nmis(1);
    options.window = {{"code", "nothing", {}}};
    try {
        (void)sweep(script, options);
        ADD_FAILURE() << "not refused";
    } catch (const ScheduleError& error) {
        EXPECT_STREQ(error.what(), "script has no symbol nothing");
    }
}

/// Returns the rows of a map, as "EVENT: CELLS" for single events, and "BOUNDARY EVENT EVENT: CELLS" for pairs.
std::vector<std::string> rows_of(const std::map<MapRow, Cells>& rows) {
    std::vector<std::string> texts;
    for (const auto& [row, cells] : rows) {
        const auto first =
            row.first ? std::to_string(row.first->boundary) + " " + std::to_string(row.first->event) + " " : "";
        texts.push_back(first + std::to_string(row.event) + ": " + to_string(cells));
    }
    return texts;
}

TEST(Subject, HasItsOutcomesMapped) {
    Script script(3, {"12"});
    const auto map = sweep(script, nmis(2)).map;
    EXPECT_THAT(map.events, ElementsAre("nmi"));
    ASSERT_EQ(map.windows.size(), 1U);
    EXPECT_EQ(map.windows[0][2], (MapPlace{vm::Virtual{2}, "code", 2}));
    EXPECT_THAT(rows_of(map.singles), ElementsAre("0: 3h"));
    EXPECT_EQ(map.instructions, map.windows[0]);
    EXPECT_THAT(rows_of(map.pairs), ElementsAre("0 0 0: 3h", "1 0 0: .hb", "2 0 0: 2.h"));
}

TEST(Subject, HasNoOutcomesAfterTheSweepStops) {
    Script script(3, {"1"});
    auto options = nmis(2);
    options.max_findings = 1;
    EXPECT_THAT(rows_of(sweep(script, options).map.singles), ElementsAre("0: hb"));
}

TEST(Subject, HasTheSameMapHoweverItIsDivided) {
    constexpr std::uint64_t boundaries = 3 * Shard::block_size;
    for (const std::uint64_t max_findings : {0, 1, 2}) {
        for (const auto& broken : std::vector<std::set<std::string>>{{}, {"20", "35"}, {"145", "2046", "3347"}}) {
            auto options = nmis(2);
            options.max_findings = max_findings;
            Script script(boundaries, broken);
            const auto whole = sweep(script, options);
            std::vector<SweepResult> shards;
            for (unsigned i = 1; i <= 2; ++i) {
                Script part(boundaries, broken);
                options.shard = {i, 2};
                shards.push_back(sweep(part, options));
            }
            EXPECT_EQ(merge(shards, max_findings).map, whole.map) << max_findings << " " << broken.size();
            EXPECT_EQ(whole.map.pairs.empty(), broken.contains("20")) << max_findings;
        }
    }
}

TEST(Subject, HasItsFirstFindingsTraced) {
    Script script(3 * most_traced, {"0", "1", "2", "3", "4"});
    auto options = nmis(1);
    EXPECT_TRUE(sweep(script, options).findings.front().trace.empty());
    options.with_details = true;
    const auto findings = sweep(script, options).findings;
    ASSERT_EQ(findings.size(), 5U);
    for (std::size_t i = 0; i < findings.size(); ++i)
        EXPECT_EQ(findings[i].trace,
                  i < most_traced ? std::vector<std::string>{"--- a step"} : std::vector<std::string>{});
}

}  // namespace
}  // namespace gatecrash::sweep
