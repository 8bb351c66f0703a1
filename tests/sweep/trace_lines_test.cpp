#include "sweep/trace/lines.hpp"

#include <gmock/gmock.h>

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;

/// Passes on `most` items of each part.
class LimitedTrace : public testing::Test {
  protected:
    void step(const std::string& line) { trace_.add(line, false); }
    void happens(const std::string& line) { trace_.add(line, true); }

    std::vector<std::string> lines_;
    TraceLines trace_{2, [this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(LimitedTrace, IsWholeIfItIsShort) {
    for (const auto* const line : {"1", "2", "3", "4"}) step(line);
    trace_.finish();
    EXPECT_THAT(lines_, ElementsAre("1", "2", "3", "4"));
}

TEST_F(LimitedTrace, LosesOnlyInstructionsOfTheMiddle) {
    for (const auto* const line : {"1", "2", "3", "4"}) step(line);
    happens(">>> nmi lands");
    happens("=== vector 2");
    for (const auto* const line : {"5", "6", "7"}) step(line);
    trace_.finish();
    EXPECT_THAT(lines_, ElementsAre("1", "2", "... 2 steps are left out", ">>> nmi lands", "=== vector 2",
                                    "... 1 step is left out", "6", "7"));
}

TEST_F(LimitedTrace, LimitsWhatHappens) {
    for (int i = 0; i < 100; ++i) happens("=== vector 3");
    trace_.finish();
    EXPECT_EQ(lines_.size(), 7U);
    EXPECT_EQ(lines_[4], "... 94 steps are left out");
}

TEST_F(LimitedTrace, PassesOnTheBeginningAtOnce) {
    step("1");
    EXPECT_THAT(lines_, ElementsAre("1"));
}

TEST_F(LimitedTrace, BeginsAgainAfterItsEnd) {
    for (int i = 0; i < 2; ++i) {
        for (const auto* const line : {"1", "2", "3", "4", "5"}) step(line);
        trace_.finish();
    }
    EXPECT_THAT(lines_, ElementsAre("1", "2", "... 1 step is left out", "4", "5", "1", "2", "... 1 step is left out",
                                    "4", "5"));
}

TEST(TraceLines, AreAllPassedOnWithoutALimit) {
    std::size_t lines = 0;
    TraceLines trace(0, [&](const std::string&) { ++lines; });
    for (int i = 0; i < 10'000; ++i) trace.add(TraceEnd{"again"});
    EXPECT_EQ(lines, 10'000U);
}

TEST(KeptTrace, HasALineForEachWordOfAFrame) {
    KeptTrace trace;
    const FrameWords words{{"RIP", 0x1000, 0x400000, "user_code"}, {"CS", 0x1008, 0x33, "CPL 3"}};
    trace.add(TracedDelivery{2, "entry_nmi", 1, 0x1000, "nmi", words, std::nullopt, ""});
    EXPECT_THAT(trace.take(),
                ElementsAre("=== vector 2 goes to entry_nmi: frame F1 at 0x1000 on stack nmi, back to user_code",
                            "         0x0000000000001008  CS      0x33  CPL 3",
                            "         0x0000000000001000  RIP     0x400000  user_code"));
    EXPECT_TRUE(trace.take().empty());
}

TEST(KeptTrace, KeepsMoreOfAReplay) {
    const auto kept = [](KeptTrace trace) {
        for (int i = 0; i < 1000; ++i) trace.add(TracedInstruction{});
        return trace.take().size();
    };
    EXPECT_EQ(kept(KeptTrace()), 301U) << "a line stands for what is left out";
    EXPECT_EQ(kept(KeptTrace(KeptTrace::most_of_replay)), 1000U);
}

}  // namespace
}  // namespace gatecrash::sweep
