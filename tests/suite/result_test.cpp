#include "suite/result.hpp"

#include <gtest/gtest.h>

#include "support/sample.hpp"

namespace gatecrash::suite {
namespace {

/// Makes each kind of result of the broken variant.
class Results : public testing::Test {
  protected:
    Results() : of_(sample::nested_nmi()) {
        variant().modelled = true;
        schedule_ = {"nested-nmi/flag-only", {{vm::Event::nmi(), {"flag_clear", 0, 1, {}}}}};
        broken_.findings = {sweep::finding_of(schedule_, violations_)};
    }

    Variant& variant() { return of_.variants.front(); }
    About explored() {
        auto explored = about(of_, variant());
        explored.guest = "0123";
        explored.shard = {2, 3};
        return explored;
    }
    std::vector<Result> all() {
        auto expected = explored();
        expected.expects = variant().expects;
        return {judged(expected, {}),           found(explored(), {}),     replayed(explored(), schedule_, {}),
                skipped(explored(), "why"),     failed(explored(), "why"), judged(expected, broken_),
                skipped(expected, "", broken_), found(explored(), broken_)};
    }

    Case of_;
    sweep::Schedule schedule_;
    std::vector<sweep::Violation> violations_{{sweep::Invariant::stack, "first"},
                                              {sweep::Invariant::progress, "second"},
                                              {sweep::Invariant::stack, "third"},
                                              {sweep::Invariant::progress, "fourth"}};
    sweep::SweepResult broken_;
};

TEST_F(Results, SayWhatTheyAreAboutHoweverTheyCameAbout) {
    for (const auto& result : all()) {
        EXPECT_EQ(result.case_name, "nested-nmi");
        EXPECT_EQ(result.variant, "flag-only");
        EXPECT_EQ(result.covers, std::vector<std::string>{"A7"});
        EXPECT_TRUE(result.modelled);
        EXPECT_EQ(result.guest, "0123");
        EXPECT_EQ(result.sweep.shard, (sweep::Shard{2, 3}));
    }
    variant().modelled = false;
    for (const auto& result : all()) EXPECT_FALSE(result.modelled);
}

TEST_F(Results, OfAnExplorationExpectNothing) {
    EXPECT_EQ(found(explored(), {}).status, Status::ok);
    const auto result = found(explored(), broken_);
    EXPECT_EQ(result.expect, "");
    EXPECT_EQ(result.verdict, Verdict::breaks);
    EXPECT_EQ(result.status, Status::finding);
}

TEST_F(Results, OfAScheduleNameEachInvariantOnce) {
    const auto result = replayed(explored(), schedule_, violations_);
    EXPECT_EQ(result.status, Status::finding);
    EXPECT_EQ(result.sweep.schedules, 1U);
    EXPECT_EQ(result.sweep.depth, 1U);
    ASSERT_EQ(result.sweep.findings.size(), 1U);
    EXPECT_EQ(result.sweep.findings[0].violation, violations_[0]);
    EXPECT_EQ(result.sweep.findings[0].schedules, 1U) << "the one that was run";
    EXPECT_EQ(result.sweep.findings[0].also, std::vector{sweep::Invariant::progress});
    EXPECT_EQ(replayed(explored(), schedule_, {}).verdict, Verdict::holds);
}

TEST_F(Results, WithoutAVerdictSayWhy) {
    const auto skip = skipped(explored(), "why", broken_);
    EXPECT_EQ(skip.verdict, Verdict::skip);
    EXPECT_EQ(skip.status, Status::skip);
    EXPECT_EQ(skip.skip_reason, "why");
    EXPECT_EQ(skip.sweep.findings.size(), 1U);
    const auto error = failed(explored(), "why");
    EXPECT_EQ(error.verdict, Verdict::error);
    EXPECT_EQ(error.status, Status::error);
    EXPECT_EQ(error.message, "why");
}

}  // namespace
}  // namespace gatecrash::suite
