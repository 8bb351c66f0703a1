#include "report/ktap_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/text_report.hpp"
#include "support/ktap.hpp"
#include "support/sample.hpp"

namespace gatecrash::report {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Results = std::vector<suite::Result>;

std::vector<KtapReport::Test> plan_of(const Results& results) {
    std::vector<KtapReport::Test> plan;
    for (const auto& result : results) plan.push_back({result.case_name, result.variant});
    return plan;
}

std::string ktap_of(const Results& results) {
    KtapReport report(plan_of(results));
    auto text = report.begin();
    for (const auto& result : results) text += report.add(result);
    return text + report.end("");
}

TEST(KtapReport, NestsTheVariantsOfACase) {
    const auto unexpected = sample::unexpected(sample::breaking());
    EXPECT_EQ(ktap_of({sample::breaking(), unexpected, sample::failed(), sample::skipped()}),
              "KTAP version 1\n"
              "1..2\n"
              "  KTAP version 1\n"
              "  1..3\n"
              "  ok 1 flag-only\n"
              "  # nested-nmi/flag-only\n"
              "  # expected: holds\n"
              "  # I4 (stack): the frame at 0xffffffff80062fd8 is overwritten\n"
              "  # (the same run also breaks I7 (progress); 3 further schedules of 1 event break something as well)\n"
              "  # gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2'\n"
              "  not ok 2 flag-only\n"
              "  # nested-nmi/single-stack\n"
              "  # KVM_EXIT_INTERNAL_ERROR\n"
              "  # rip 0x0\n"
              "  not ok 3 single-stack # ERROR KVM_EXIT_INTERNAL_ERROR\n"
              "not ok 1 nested-nmi\n"
              "  KTAP version 1\n"
              "  1..1\n"
              "  ok 1 plain # SKIP needs mov-ss-shadow\n"
              "ok 2 mov-ss # SKIP every variant was skipped\n");
}

TEST(KtapReport, IsWhatTheSpecificationAsksFor) {
    auto too_good = sample::unexpected(sample::holding());
    too_good.message = "nothing broke";
    const auto tests = ktap::parse(ktap_of({sample::holding(), too_good, sample::skipped()}));
    ASSERT_THAT(tests, SizeIs(2));
    EXPECT_FALSE(tests[0].ok);
    ASSERT_THAT(tests[0].subtests, SizeIs(2));
    EXPECT_THAT(tests[0].subtests[0].diagnostics, IsEmpty()) << "all is well";
    EXPECT_THAT(tests[0].subtests[1].diagnostics,
                ElementsAre("nested-nmi/copied-frame", "expected: breaks I4; nothing broke"));
    EXPECT_EQ(tests[1].subtests[0].directive, "SKIP");
    EXPECT_EQ(tests[1].subtests[0].data, "needs mov-ss-shadow");
    EXPECT_THAT(ktap::parse(ktap_of({})), IsEmpty());
}

TEST(KtapReport, GrowsResultByResult) {
    const Results results{sample::holding(), sample::breaking(), sample::skipped()};
    KtapReport report(plan_of(results));
    EXPECT_EQ(report.begin(), "KTAP version 1\n1..2\n");
    EXPECT_EQ(report.add(results[0]), "  KTAP version 1\n  1..2\n  ok 1 copied-frame\n");
    EXPECT_EQ(report.add(results[1]), "  ok 2 flag-only\nok 1 nested-nmi\n");
}

TEST(KtapReport, IsWholeAlsoWhenTheWorkWasNot) {
    const Results results{sample::holding(), sample::breaking(), sample::skipped()};
    KtapReport report(plan_of(results));
    auto text = report.begin();
    text += report.add(results[0]);
    text += report.end("interrupted");
    const auto tests = ktap::parse(text);
    ASSERT_THAT(tests, SizeIs(2));
    EXPECT_EQ(tests[0].subtests[1].data, "interrupted");
    EXPECT_EQ(tests[0].directive, "") << "one variant ran";
    EXPECT_EQ(tests[1].directive, "SKIP");
}

TEST(KtapReport, OfAFileIsOneTest) {
    auto result = sample::unexpected(sample::breaking());
    result.case_name = "a #1 # SKIP\n\x1b[2J.elf";
    result.variant = "";
    const auto tests = ktap::parse(ktap_of({result}));
    ASSERT_THAT(tests, SizeIs(1));
    EXPECT_FALSE(tests[0].ok);
    EXPECT_EQ(tests[0].name, "a _1 _ SKIP  [2J.elf");
    EXPECT_EQ(tests[0].directive, "");
    EXPECT_THAT(tests[0].subtests, IsEmpty());
    EXPECT_THAT(tests[0].diagnostics, Contains("gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2'"));
}

TEST(KtapReport, KeepsForeignTextFromBeingTakenForKtap) {
    auto broken = sample::unexpected(sample::breaking());
    broken.sweep.findings[0].violation.message = "a\nnot ok 1 b\r\nKTAP version 1";
    auto failed = sample::failed();
    failed.message = "not ok 7 # TODO\n\n1..3\nKTAP version 1\n";
    auto skipped = sample::skipped();
    skipped.skip_reason = "first\nok 2 # second";
    const auto tests = ktap::parse(ktap_of({broken, failed, skipped}));
    ASSERT_THAT(tests, SizeIs(2));
    EXPECT_THAT(tests[0].subtests[0].diagnostics, Contains("I4 (stack): a not ok 1 b  KTAP version 1"));
    EXPECT_THAT(tests[0].subtests[1].diagnostics,
                ElementsAre("nested-nmi/single-stack", "not ok 7 # TODO", "", "1..3", "KTAP version 1"));
    EXPECT_EQ(tests[0].subtests[1].data, "not ok 7 # TODO");
    EXPECT_EQ(tests[1].subtests[0].data, "first ok 2 # second");
}

/// Tests the reader itself, which would otherwise prove nothing.
TEST(KtapReader, RefusesInvalidKtap) {
    struct {
        const char* document;
        const char* why;
    } const rows[] = {
        {"", "line 1 is no version line"},
        {"TAP version 13\n1..0\n", "line 1 is no version line"},
        {"KTAP version 1\n1..0", "does not end"},
        {"KTAP version 1\nok 1 a\n", "line 2 is no plan"},
        {"KTAP version 1\n1..2\nok 1 a\n", "line 4 is no result"},
        {"KTAP version 1\n1..1\nok 1 a\nok 2 b\n", "line 4 is more than was planned"},
        {"KTAP version 1\n1..1\nok 2 a\n", "line 3 is not number 1"},
        {"KTAP version 1\n1..1\n  ok 1 a\n", "line 3 is no result"},
        {"KTAP version 1\n1..1\nok 1 a # LATER x\n", "line 3 is no result"},
        {"KTAP version 1\n1..1\nok 1 a # ERROR x\n", "line 3 is ok and not"},
        {"KTAP version 1\n1..1\n KTAP version 1\n 1..1\n ok 1 b\nok 1 a\n", "line 3 is no result"},
        {"KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 b\nok 1 a\n", "line 6 does not follow"},
        {"KTAP version 1\n1..1\nunknown\nok 1 a\n", "line 3 is no result"},
    };
    for (const auto& row : rows) {
        try {
            (void)ktap::parse(row.document);
            ADD_FAILURE() << "accepted: " << row.document;
        } catch (const ktap::Error& error) {
            EXPECT_THAT(error.what(), testing::HasSubstr(row.why)) << row.document;
        }
    }
}

}  // namespace
}  // namespace gatecrash::report
