#include "bench/validity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatecrash::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Figure figure(double spread) {
    Figure figure;
    figure.median = 100;
    figure.interval = {100 - spread, 100 + spread};
    return figure;
}

constexpr CycleHost good{.has_one_rate = true, .is_below_hypervisor = false};

TEST(Validity, IsInDoubtForEachOfItsReasons) {
    constexpr Exits none{};
    EXPECT_THAT(doubts(figure(1), good, none), IsEmpty());
    EXPECT_THAT(doubts(figure(1), {.has_one_rate = false, .is_below_hypervisor = false}, none),
                ElementsAre(HasSubstr("does not run at one rate")));
    EXPECT_THAT(doubts(figure(1), {.has_one_rate = true, .is_below_hypervisor = true}, none),
                ElementsAre(HasSubstr("another hypervisor")));
    EXPECT_THAT(doubts(figure(5), good, none), ElementsAre(HasSubstr("the spread is too wide")));
    EXPECT_THAT(doubts(figure(5), {.has_one_rate = false, .is_below_hypervisor = false}, {.taken = 300, .passes = 100}),
                ElementsAre(HasSubstr("one rate"), HasSubstr("exited 3.0 times per pass"), HasSubstr("spread")));
}

/// Exits of 1000 passes. Exits that also occur with the empty guest come from the host's timer, a signal or a doorbell.
TEST(Validity, HasRoomForExitsThatAreNotThePaths) {
    constexpr struct {
        std::uint64_t taken, taken_without;
        bool leaves;
    } rows[] = {
        {0, 0, false},   {1, 1, false},   {40, 3, false},  {3, 40, false},
        {1001, 1, true}, {990, 20, true}, {2001, 1, true}, {1010, 1000, false},
    };
    for (const auto& [taken, taken_without, leaves] : rows) {
        EXPECT_EQ(!doubts(figure(1), good, {taken, taken_without, 1000}).empty(), leaves) << taken;
    }
    EXPECT_THAT(doubts(figure(1), good, {990, 20, 1000}), ElementsAre("the guest exited 1.0 times per pass"));
}

TEST(Validity, BelowAHypervisorIsForTimesAndNotForCountsOfExits) {
    std::vector<Figure> figures{figure(1), figure(1)};
    figures[0].unit = "ns";
    figures[0].note = "one instruction";
    figures[1].unit = "exits";
    mark_below_hypervisor(figures);
    EXPECT_TRUE(figures[0].valid);
    EXPECT_EQ(figures[0].note, "one instruction; includes the work of the other hypervisor");
    EXPECT_FALSE(figures[1].valid);
    EXPECT_EQ(figures[1].note, "another hypervisor can take exits that KVM does not count");
}

}  // namespace
}  // namespace gatecrash::bench
