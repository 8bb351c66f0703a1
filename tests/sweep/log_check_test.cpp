// Tests the conclusions that the harness draws from the log of handler bodies.
#include "sweep/check/log_check.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "vm/guest.hpp"

namespace gatecrash::sweep {
namespace {

using abi::LogRecord;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using vm::Event;

constexpr std::uint32_t nmi = GATECRASH_VECTOR_NMI, bp = GATECRASH_VECTOR_BP;
constexpr std::uint64_t outer_frame = 0xffffffff80001000, inner_frame = 0xffffffff80000800;

LogRecord record(std::uint32_t kind, std::uint32_t vector, std::uint64_t frame, std::uint64_t rip = 0x42) {
    return {kind, vector, frame, 0, rip, GATECRASH_KERNEL_CS, 2, 0x5000, GATECRASH_KERNEL_SS};
}
LogRecord enter(std::uint32_t vector, std::uint64_t frame) { return record(GATECRASH_LOG_ENTER, vector, frame); }
LogRecord leave(std::uint32_t vector, std::uint64_t frame) { return record(GATECRASH_LOG_LEAVE, vector, frame); }

std::vector<Invariant> broken(const std::vector<LogRecord>& records, const std::vector<LandedEvent>& landed,
                              bool ended = true) {
    std::vector<Invariant> invariants;
    for (const auto& v : check_log(records, 0, ended, {landed, {bp}}, vm::Image{}).violations)
        invariants.push_back(v.violation.invariant);
    return invariants;
}

/// The vectors that the run without events takes: none.
const std::set<std::uint32_t> none;

const std::vector<LandedEvent> one_nmi{{Event::nmi(), 0}};

TEST(LogCheck, AcceptsABodyForEachEvent) {
    EXPECT_THAT(
        broken({enter(nmi, outer_frame), enter(bp, inner_frame), leave(bp, inner_frame), leave(nmi, outer_frame)},
               one_nmi),
        IsEmpty());
}

TEST(LogCheck, FindsABodyThatRunsWithTheUsersGs) {
    auto gs = record(GATECRASH_LOG_BROKEN + 2, nmi, outer_frame);
    gs.error = 0x7654000;
    const std::vector<LogRecord> records{enter(nmi, outer_frame), gs, leave(nmi, outer_frame)};
    const auto found = check_log(records, 0, true, {one_nmi, {bp}}, vm::Image{}).violations;
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].violation.invariant, Invariant::kernel_gs);
    EXPECT_THAT(found[0].violation.message,
                HasSubstr("the body of vector 2 that interrupted 0x42 runs with GS base 0x7654000"));
    EXPECT_THAT(check_log({{record(GATECRASH_LOG_BROKEN + 2, GATECRASH_VECTOR_SYSCALL, outer_frame)}}, 0, true,
                          {{}, {}}, vm::Image{})
                    .violations[0]
                    .violation.message,
                HasSubstr("the body of SYSCALL"));
}

TEST(LogCheck, FindsAHandlerOnTheUsersStack) {
    constexpr std::uint64_t user_frame = GATECRASH_USER_STACK + 0x800;
    EXPECT_THAT(broken({enter(nmi, user_frame), leave(nmi, user_frame)}, one_nmi), ElementsAre(Invariant::stack));
    auto fatal = record(GATECRASH_LOG_FATAL, GATECRASH_VECTOR_GP, user_frame);
    const auto found = check_log({{fatal}}, 0, false, {{}, {}}, vm::Image{}).violations;
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(
        found[0].violation.message,
        "the handler of vector 13 (error code 0x0), raised at 0x42, CPL 0, runs on the user's stack: its frame is "
        "at 0x500800");
    EXPECT_EQ(found[1].violation.invariant, Invariant::no_unexpected_vector);
}

TEST(LogCheck, TakesABodysWordForWhatItFindsBroken) {
    for (const auto invariant : {Invariant::progress, Invariant::leak}) {
        const auto kind = GATECRASH_LOG_BROKEN + static_cast<std::uint32_t>(invariant);
        EXPECT_THAT(broken({record(kind, bp, outer_frame)}, {}), ElementsAre(invariant));
    }
}

TEST(LogCheck, FindsALostEvent) {
    EXPECT_THAT(broken({}, one_nmi), ElementsAre(Invariant::event_conservation));
    // The second NMI arrived after the first body had begun, and no body began after that.
    EXPECT_THAT(broken({enter(nmi, outer_frame), leave(nmi, outer_frame)}, {{Event::nmi(), 0}, {Event::nmi(), 1}}),
                ElementsAre(Invariant::event_conservation));
}

TEST(LogCheck, LetsOneBodyStandForTwoEventsBeforeIt) {
    EXPECT_THAT(broken({enter(nmi, outer_frame), leave(nmi, outer_frame)}, {{Event::nmi(), 0}, {Event::nmi(), 0}}),
                IsEmpty());
}

TEST(LogCheck, FindsABodyTooMany) {
    EXPECT_THAT(
        broken({enter(nmi, outer_frame), leave(nmi, outer_frame), enter(nmi, outer_frame), leave(nmi, outer_frame)},
               one_nmi),
        ElementsAre(Invariant::event_conservation));
}

TEST(LogCheck, MissesNothingInARunThatIsCutShort) {
    EXPECT_THAT(broken({enter(nmi, outer_frame)}, {{Event::nmi(), 0}, {Event::nmi(), 1}}, false), IsEmpty());
}

TEST(LogCheck, LeavesItToTheCpuHowOftenAWatchpointIsMet) {
    const std::uint8_t db = GATECRASH_VECTOR_DB;
    const std::vector<LandedEvent> watch{{Event::watch(0x1000), 0}};
    EXPECT_THAT(broken({}, watch), IsEmpty());
    EXPECT_THAT(
        broken({enter(db, outer_frame), leave(db, outer_frame), enter(db, outer_frame), leave(db, outer_frame)}, watch),
        IsEmpty());
    EXPECT_THAT(broken({enter(nmi, outer_frame), leave(nmi, outer_frame)}, watch),
                ElementsAre(Invariant::no_unexpected_vector));
    // A #DB that landed in addition must have its body.
    const std::vector<LandedEvent> both{{Event::watch(0x1000), 0}, {Event::db(), 1}};
    EXPECT_THAT(broken({}, both), ElementsAre(Invariant::event_conservation));
    EXPECT_THAT(broken({enter(db, outer_frame), leave(db, outer_frame)}, both),
                ElementsAre(Invariant::event_conservation));
    EXPECT_THAT(
        broken({enter(db, outer_frame), leave(db, outer_frame), enter(db, outer_frame), leave(db, outer_frame)}, both),
        IsEmpty());
}

TEST(LogCheck, FindsAnNmiBodyInsideItself) {
    EXPECT_THAT(
        broken({enter(nmi, outer_frame), enter(nmi, inner_frame), leave(nmi, inner_frame), leave(nmi, outer_frame)},
               {{Event::nmi(), 0}, {Event::nmi(), 1}}),
        ElementsAre(Invariant::event_conservation));
}

TEST(LogCheck, FindsAFrameOnALiveOne) {
    EXPECT_THAT(broken({enter(nmi, outer_frame), enter(bp, outer_frame + 8), leave(bp, outer_frame + 8),
                        leave(nmi, outer_frame)},
                       one_nmi),
                ElementsAre(Invariant::stack));
}

TEST(LogCheck, FindsAFrameThatChangesUnderItsBody) {
    const auto changed = record(GATECRASH_LOG_LEAVE, nmi, outer_frame, 0x43);
    EXPECT_THAT(broken({enter(nmi, outer_frame), changed}, one_nmi), ElementsAre(Invariant::stack));
}

TEST(LogCheck, AllowsCsZeroAsAMark) {
    auto marked = leave(nmi, outer_frame);
    marked.cs = 0;
    EXPECT_THAT(broken({enter(nmi, outer_frame), marked}, one_nmi), IsEmpty());
}

TEST(LogCheck, FindsALeaveWithoutAnEnter) {
    EXPECT_THAT(broken({enter(nmi, outer_frame), leave(nmi, inner_frame), leave(nmi, outer_frame)}, one_nmi),
                ElementsAre(Invariant::stack));
}

TEST(LogCheck, FindsVectorsThatNobodyExpects) {
    const auto violations =
        check_log(std::vector{record(GATECRASH_LOG_FATAL, 13, inner_frame)}, 0, false, {{}, none}, vm::Image{})
            .violations;
    ASSERT_EQ(violations.size(), 1U);
    EXPECT_EQ(violations[0].violation.invariant, Invariant::no_unexpected_vector);
    EXPECT_THAT(violations[0].violation.message, HasSubstr("vector 13"));
    EXPECT_THAT(broken({enter(7, inner_frame), leave(7, inner_frame)}, {}),
                ElementsAre(Invariant::no_unexpected_vector));
}

TEST(LogCheck, FindsABodyThatRunsInsideItselfTooOften) {
    constexpr std::uint32_t irq = 0x20;
    const std::vector<LandedEvent> two{{Event::irq(irq), 0}, {Event::irq(irq), 1}};
    const std::vector records{enter(irq, outer_frame), enter(irq, inner_frame), leave(irq, inner_frame),
                              leave(irq, outer_frame)};
    const auto check = [&](const std::map<std::uint32_t, std::uint64_t>& limits) {
        return check_log(records, 0, true, {two, none, limits}, vm::Image{});
    };
    EXPECT_THAT(check({}).violations, IsEmpty()) << "nobody said how often";
    EXPECT_THAT(check({{irq, 2}}).violations, IsEmpty());
    EXPECT_THAT(check({{irq + 1, 1}}).violations, IsEmpty());
    EXPECT_EQ(check({}).bodies_at_once, (std::map<std::uint32_t, std::uint64_t>{{irq, 2}}));
    const auto found = check({{irq, 1}}).violations;
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].violation.invariant, Invariant::event_conservation);
    EXPECT_EQ(found[0].record, 1U);
    EXPECT_EQ(found[0].violation.message,
              "the body of vector 32 that interrupted 0x42 is entered inside itself: 2 run at once, and the guest "
              "allows 1 (nesting_limits)");
}

TEST(LogCheck, AllowsNmisToNestOnlyIfTheGuestDoes) {
    const std::vector<LandedEvent> two{{Event::nmi(), 0}, {Event::nmi(), 1}};
    const std::vector records{enter(nmi, outer_frame), enter(nmi, inner_frame), leave(nmi, inner_frame),
                              leave(nmi, outer_frame)};
    EXPECT_EQ(check_log(records, 0, true, {two, none}, vm::Image{}).violations.size(), 1U);
    EXPECT_THAT(check_log(records, 0, true, {two, none, {{nmi, 2}}}, vm::Image{}).violations, IsEmpty());
}

TEST(LogCheck, AcceptsAHandlerThatKeepsInterruptsOffInTheKernel) {
    auto entered = enter(nmi, outer_frame), left = leave(nmi, outer_frame);
    entered.rflags |= vm::rflags_if;
    EXPECT_THAT(broken({entered, left}, one_nmi), IsEmpty());
    entered.cs = left.cs = GATECRASH_USER_CS;
    EXPECT_THAT(broken({entered, left}, one_nmi), ElementsAre(Invariant::stack)) << "a user has them on";
    entered.cs = left.cs = GATECRASH_KERNEL_CS;
    left.rflags |= 1;
    EXPECT_THAT(broken({entered, left}, one_nmi), ElementsAre(Invariant::stack)) << "no other flag";
}

TEST(LogCheck, TakesAFullRingForALoop) {
    EXPECT_THAT(broken({record(GATECRASH_LOG_FULL, nmi, outer_frame)}, {}, false), ElementsAre(Invariant::progress));
}

TEST(LogCheck, CountsFromTheRecordsBeforeTheWindow) {
    const std::vector records{enter(nmi, outer_frame), leave(nmi, outer_frame)};
    EXPECT_THAT(check_log(records, 10, true, {std::array{LandedEvent{Event::nmi(), 10}}, none}, vm::Image{}).violations,
                IsEmpty());
    EXPECT_EQ(
        check_log(records, 10, true, {std::array{LandedEvent{Event::nmi(), 11}}, none}, vm::Image{}).violations.size(),
        1U);
}

TEST(LogCheck, SaysWhichRecordShowsIt) {
    const std::vector records{enter(nmi, outer_frame), leave(nmi, inner_frame), leave(nmi, outer_frame)};
    const std::vector<LandedEvent> later{{Event::nmi(), 23}};
    const auto found = check_log(records, 20, true, {later, none}, vm::Image{}).violations;
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].record, 21U);
    EXPECT_EQ(found[1].record, std::nullopt) << "only the end shows that no body began after the last NMI";
}

TEST(LogCheck, TakesRecordsThatABodyAddsAtOnceForOneMoment) {
    const std::vector records{record(GATECRASH_LOG_BROKEN + 2, 13, inner_frame), enter(13, inner_frame),
                              record(GATECRASH_LOG_BROKEN + 9, 13, inner_frame), leave(13, inner_frame),
                              record(GATECRASH_LOG_BROKEN + 10, 13, inner_frame)};
    const auto found = check_log(records, 0, false, {{}, none}, vm::Image{}).violations;
    std::vector<std::optional<std::uint64_t>> numbers;
    numbers.reserve(found.size());
    for (const auto& each : found) numbers.push_back(each.record);
    EXPECT_THAT(numbers, ElementsAre(0U, 0U, 0U, 4U));
}

TEST(LogCheck, PassesOverARecordThatIsNotWrittenYet) {
    auto begun = enter(7, inner_frame);
    begun.rflags = 0;
    EXPECT_THAT(broken({enter(nmi, outer_frame), begun}, one_nmi, false), IsEmpty());
    EXPECT_THAT(broken({enter(nmi, outer_frame), begun, leave(nmi, outer_frame)}, one_nmi, true),
                ElementsAre(Invariant::no_unexpected_vector));
}

TEST(Invariant, OfALostFrameIsTheCauseOfOthers) {
    EXPECT_LT(causal_rank(Invariant::stack), causal_rank(Invariant::no_unexpected_vector));
    EXPECT_LT(causal_rank(Invariant::no_unexpected_vector), causal_rank(Invariant::progress));
    EXPECT_EQ(to_string(Invariant::read_only_tables), "I15");
}

}  // namespace
}  // namespace gatecrash::sweep
