// Tests that going back gives exactly the earlier states.
#include "debug/timeline.hpp"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "debug/fake_debuggee.hpp"

namespace gatecrash::debug {
namespace {

const Timeline::Wanted never{.is_here = [] { return false; }};

Timeline::Wanted at(FakeDebuggee& debuggee, std::uint64_t rip) {
    return {.is_here = [&debuggee, rip] { return debuggee.state.rip == rip; }};
}

Halt search(Timeline& timeline, const Timeline::Wanted& wanted) {
    timeline.begin_search();
    auto halt = Halt::moved;
    while (halt == Halt::moved) halt = timeline.search(wanted);
    return halt;
}

TEST(Timeline, EachStepBackGivesTheStateFromBefore) {
    FakeDebuggee debuggee(400, 150);
    Timeline timeline(debuggee);
    std::vector<FakeDebuggee::State> states{debuggee.state};
    while (timeline.forward(1, never) != Halt::end) states.push_back(debuggee.state);
    EXPECT_EQ(states.size(), 400U);
    EXPECT_EQ(timeline.end(), "it is over");
    EXPECT_EQ(states.at(151).rip, FakeDebuggee::handler);
    while (timeline.back() == Halt::moved) {
        ASSERT_EQ(debuggee.state, states.at(timeline.position())) << timeline.position();
        EXPECT_FALSE(timeline.end());
    }
    EXPECT_EQ(timeline.position(), 0U);
    // And forwards again.
    EXPECT_EQ(timeline.forward(399, never), Halt::moved);
    EXPECT_EQ(debuggee.state, states.back());
}

TEST(Timeline, MovesForwardUntilABoundaryIsWanted) {
    FakeDebuggee debuggee(400);
    Timeline timeline(debuggee);
    EXPECT_EQ(timeline.forward(1000, at(debuggee, 0x1020)), Halt::wanted);
    EXPECT_EQ(timeline.position(), 0x20U);
    EXPECT_EQ(timeline.forward(5, never), Halt::moved);
    EXPECT_EQ(timeline.position(), 0x25U);
    EXPECT_EQ(timeline.forward(1000, never), Halt::end);
    EXPECT_EQ(timeline.forward(1000, never), Halt::end);
}

TEST(Timeline, SearchesBackForTheLastBoundaryThatIsWanted) {
    FakeDebuggee debuggee(1000);
    Timeline timeline(debuggee);
    EXPECT_EQ(timeline.forward(900, never), Halt::moved);
    const Timeline::Wanted several{
        .is_here = [&] { return debuggee.state.rip == 0x1010 || debuggee.state.rip == 0x1011; }};
    EXPECT_EQ(search(timeline, several), Halt::wanted);
    EXPECT_EQ(timeline.position(), 0x11U);
    EXPECT_EQ(search(timeline, several), Halt::wanted);
    EXPECT_EQ(timeline.position(), 0x10U);
    EXPECT_EQ(search(timeline, several), Halt::begin);
    EXPECT_EQ(timeline.position(), 0U);
    EXPECT_EQ(search(timeline, several), Halt::begin);
}

TEST(Timeline, FindsTheStepThatChangesSomething) {
    FakeDebuggee debuggee(400);
    Timeline timeline(debuggee);
    // The fake's steps flip bytes here and there.
    constexpr std::size_t watched = 7;
    std::vector<std::uint64_t> changes;
    for (auto before = debuggee.state.memory[watched]; timeline.forward(1, never) != Halt::end;) {
        if (debuggee.state.memory[watched] != before) changes.push_back(timeline.position());
        before = debuggee.state.memory[watched];
    }
    ASSERT_GE(changes.size(), 2U);
    auto last = debuggee.state.memory[watched];
    const Timeline::Wanted wanted{.is_here = [] { return false; },
                                  .has_changed =
                                      [&] {
                                          const auto before = std::exchange(last, debuggee.state.memory[watched]);
                                          return before != last;
                                      }};
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
        EXPECT_EQ(search(timeline, wanted), Halt::changed);
        EXPECT_EQ(timeline.position(), *change - 1) << "before the step";
    }
    EXPECT_EQ(search(timeline, wanted), Halt::begin);
    for (const auto change : changes) {
        EXPECT_EQ(timeline.forward(1'000, wanted), Halt::changed);
        EXPECT_EQ(timeline.position(), change);
    }
    EXPECT_EQ(timeline.forward(1'000, wanted), Halt::end);
}

TEST(Timeline, GoingBackOverAChangeUndoesIt) {
    FakeDebuggee debuggee(400);
    Timeline timeline(debuggee);
    (void)timeline.forward(100, never);
    const auto without = debuggee.state;
    timeline.change([](Debuggee& it) { it.land("nmi"); });
    const auto with = debuggee.state;
    (void)timeline.forward(1, never);
    EXPECT_EQ(debuggee.state.rip, FakeDebuggee::handler);
    (void)timeline.forward(50, never);
    const auto later = debuggee.state;
    // The change belongs to its boundary.
    (void)timeline.back();
    (void)timeline.forward(1, never);
    EXPECT_EQ(debuggee.state, later);
    while (timeline.position() > 100) (void)timeline.back();
    EXPECT_EQ(debuggee.state, with);
    (void)timeline.back();
    (void)timeline.forward(1, never);
    EXPECT_EQ(debuggee.state, without);
    (void)timeline.forward(1, never);
    EXPECT_EQ(debuggee.state.rip, 0x1065U);
}

TEST(Timeline, ForgetsAChangeThatFails) {
    FakeDebuggee debuggee(400);
    Timeline timeline(debuggee);
    (void)timeline.forward(10, never);
    EXPECT_THROW(timeline.change([](Debuggee& it) { it.land("irq"); }), std::runtime_error);
    (void)timeline.forward(10, never);
    EXPECT_EQ(timeline.back(), Halt::moved);
}

TEST(Timeline, RecoversFromAStepThatFails) {
    FakeDebuggee debuggee(400);
    Timeline timeline(debuggee);
    (void)timeline.forward(100, never);
    const auto before = debuggee.state;
    debuggee.fails_at_next = true;
    EXPECT_THROW((void)timeline.forward(1, never), std::runtime_error);
    EXPECT_NE(debuggee.state, before);
    timeline.recover();
    EXPECT_EQ(debuggee.state, before);
    EXPECT_EQ(timeline.position(), 100U);
}

TEST(Timeline, KeepsFewMomentsOfALongRun) {
    FakeDebuggee debuggee(1'000'000);
    Timeline timeline(debuggee);
    (void)timeline.forward(300'000, never);
    EXPECT_LE(debuggee.moments, 512U);
    const auto before = debuggee.state;
    (void)timeline.forward(1, never);
    const auto steps = debuggee.steps;
    (void)timeline.back();
    EXPECT_EQ(debuggee.state, before);
    EXPECT_LT(debuggee.steps - steps, 2'000U) << "going back repeats only what follows a moment";
}

TEST(Timeline, TellsWhatLandsOnlyOnTheWayForward) {
    FakeDebuggee debuggee(400, 20);
    Timeline timeline(debuggee);
    EXPECT_EQ(timeline.take_news(), "");
    (void)timeline.forward(30, never);
    EXPECT_EQ(timeline.take_news(), "nmi lands\n");
    (void)timeline.back();
    EXPECT_EQ(timeline.take_news(), "");
}

}  // namespace
}  // namespace gatecrash::debug
