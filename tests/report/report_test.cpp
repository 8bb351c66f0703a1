#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "report/exit_code.hpp"
#include "report/json_report.hpp"
#include "report/listing.hpp"
#include "report/progress_line.hpp"
#include "report/text_report.hpp"
#include "support/sample.hpp"

namespace gatecrash::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using Results = std::vector<suite::Result>;

std::vector<std::string> keys_of(const json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(key);
    return keys;
}

TEST(JsonReport, HasTheFieldsOfTheContract) {
    const auto document = json::parse(json_report(
        "0.1.0", sample::amd(), Results{sample::breaking(), sample::holding(), sample::skipped(), sample::failed()}));
    EXPECT_THAT(keys_of(document), testing::UnorderedElementsAre("gatecrash", "machine", "results"));
    EXPECT_EQ(document["gatecrash"], "0.1.0");
    EXPECT_EQ(document["machine"], json({{"name", "amd"},
                                         {"kvm", "kvm_amd"},
                                         {"cpu", "QEMU"},
                                         {"kernel", "6.1.0"},
                                         {"emulated", true},
                                         {"vendor", "amd"},
                                         {"behaviours", {{"int3", true}, {"mov-ss-shadow", false}}}}));
    ASSERT_EQ(document["results"].size(), 4U);
    const json found{{"invariant", "I4"},
                     {"name", "I4 (stack)"},
                     {"schedule", "nested-nmi/flag-only@nmi:entry_nmi+0x1f#2"},
                     {"message", "the frame at 0xffffffff80062fd8 is overwritten"},
                     {"also", {"I7"}},
                     {"schedules", 1},
                     {"window", 0},
                     {"order", 0},
                     {"block", 0}};
    auto further = found;
    further.update({{"schedule", "nested-nmi/flag-only@nmi:nmi_exit"}, {"schedules", 3}});
    EXPECT_EQ(document["results"][0], json({{"case", "nested-nmi"},
                                            {"variant", "flag-only"},
                                            {"covers", {"A7"}},
                                            {"expect", "breaks I4"},
                                            {"verdict", "breaks"},
                                            {"status", "ok"},
                                            {"boundaries", 203},
                                            {"schedules", 41209},
                                            {"pruned", 7},
                                            {"depth", 1},
                                            {"seconds", 12.25},
                                            {"spent",
                                             {{"starting", 0.5},
                                              {"stepping", 4.0},
                                              {"comparing", 1.0},
                                              {"injecting", 6.0},
                                              {"checking", 0.25},
                                              {"examining", 0.125},
                                              {"endless", 0.0},
                                              {"waiting", 0.375}}},
                                            {"modelled", false},
                                            {"finding",
                                             {{"invariant", "I4"},
                                              {"name", "I4 (stack)"},
                                              {"schedule", "nested-nmi/flag-only@nmi:entry_nmi+0x1f#2"},
                                              {"message", "the frame at 0xffffffff80062fd8 is overwritten"},
                                              {"also", {"I7"}}}},
                                            {"findings", 4},
                                            {"found", {found, further}},
                                            {"not_exhaustive", nullptr},
                                            {"stopped_after", nullptr},
                                            {"stack_bytes", json::object()},
                                            {"bodies_at_once", json::object()},
                                            {"code", nullptr},
                                            {"executed", json::array()},
                                            {"skip_reason", nullptr},
                                            {"message", nullptr}}));
    EXPECT_EQ(document["results"][1]["finding"], nullptr);
    EXPECT_EQ(document["results"][2]["status"], "skip");
    EXPECT_EQ(document["results"][2]["skip_reason"], "needs mov-ss-shadow");
    EXPECT_EQ(document["results"][3]["verdict"], "error");
    EXPECT_EQ(document["results"][3]["message"], "KVM_EXIT_INTERNAL_ERROR\nrip 0x0");
}

TEST(JsonReport, ListsTheFirst25Findings) {
    auto result = sample::breaking();
    result.sweep.findings.resize(30, result.sweep.findings.front());
    const auto document = json::parse(json_report("0.1.0", sample::amd(), Results{result}));
    EXPECT_EQ(document["results"][0]["found"].size(), 25U);
    EXPECT_EQ(document["results"][0]["findings"], 32);
}

TEST(Extremes, AreReportedOverAllLevels) {
    auto result = sample::holding();
    EXPECT_EQ(extremes_line(result), "");
    result.sweep.levels = {{.extremes = {{{"task", 400}}, {{2, 1}}}},
                           {.extremes = {{{"task", 320}, {"nmi", 512}}, {{2, 1}, {32, 3}}}}};
    EXPECT_EQ(extremes_line(result),
              "            deepest stacks, in bytes: nmi 512, task 400; 3 bodies of vector 32 at once\n");
    const auto document = json::parse(json_report("0.1.0", sample::amd(), Results{result}));
    EXPECT_EQ(document["results"][0]["stack_bytes"], json({{"nmi", 512}, {"task", 400}}));
    EXPECT_EQ(document["results"][0]["bodies_at_once"], json({{"2", 1}, {"32", 3}}));
}

TEST(JsonReport, HasTheCodeThatAllLevelsExecuted) {
    auto result = sample::holding();
    result.sweep.code = "0123456789abcdef";
    result.sweep.levels.resize(2);
    result.sweep.levels[0].executed.add(vm::Virtual{0xffffffff80002010}, vm::Virtual{0xffffffff80002013});
    result.sweep.levels[1].executed.add(vm::Virtual{0xffffffff80002000}, vm::Virtual{0xffffffff80002010});
    result.sweep.levels[1].executed.add(vm::Virtual{0xffffffff80004000}, vm::Virtual{0xffffffff80004002});
    const auto document = json::parse(json_report("0.1.0", sample::amd(), Results{result}));
    EXPECT_EQ(document["results"][0]["code"], "0123456789abcdef");
    EXPECT_EQ(document["results"][0]["executed"],
              json::array({json::array({"0xffffffff80002000", 19}), json::array({"0xffffffff80004000", 2})}));
}

TEST(JsonReport, IsADocumentWithoutResultsToo) {
    EXPECT_EQ(json::parse(json_report("0.1.0", {}, {}))["results"], json::array());
}

TEST(JsonReport, DiffersOnlyInSecondsBetweenEqualRuns) {
    auto slow = sample::breaking();
    slow.seconds = 99;
    auto first = json::parse(json_report("0.1.0", sample::amd(), Results{sample::breaking()}));
    auto second = json::parse(json_report("0.1.0", sample::amd(), Results{slow}));
    EXPECT_NE(first, second);
    for (auto* each : {&first, &second}) {
        (*each)["results"][0].erase("seconds");
        (*each)["results"][0].erase("spent");
    }
    EXPECT_EQ(first, second);
}

TEST(JsonReport, SurvivesTextThatIsNotUtf8) {
    auto result = sample::failed();
    result.message = "a path: \xff";
    EXPECT_TRUE(json::accept(json_report("0.1.0", {}, Results{result})));
}

TEST(TextReport, SaysItAllInOneLine) {
    EXPECT_EQ(
        result_line(sample::holding(), 23),
        "ok          nested-nmi/copied-frame  holds         203 boundaries     41 209 schedules          7 pruned  "
        "depth 2     12.2 s\n");
    EXPECT_EQ(
        result_line(sample::breaking(), 23),
        "ok          nested-nmi/flag-only     breaks I4     203 boundaries     41 209 schedules          7 pruned  "
        "depth 1     12.2 s  nmi:entry_nmi+0x1f#2\n");
    EXPECT_EQ(result_line(sample::skipped(), 5), "skip        mov-ss/plain  skip\n");
    EXPECT_EQ(result_line(sample::failed(), 5), "error       nested-nmi/single-stack  error\n");
}

TEST(TextReport, SaysAfterHowManyFindingsItStopped) {
    auto result = sample::breaking();
    result.sweep.stopped_after = 25;
    EXPECT_THAT(details(result), testing::StartsWith("            stopped after 25 findings (--max-findings)\n"));
    result.sweep.stopped_after = 1;
    result.message = "not judged: the rest";
    EXPECT_THAT(details(result),
                testing::StartsWith("            stopped after 1 finding (--max-findings); not judged: the rest\n"));
    EXPECT_EQ(json::parse(json_report("0.1.0", {}, Results{result}))["results"][0]["stopped_after"], 1);
}

TEST(TextReport, SumsUpTheTimeOfAllResults) {
    const auto result = sample::breaking();  // 12.25 s of phases, 41 209 schedules
    const auto table = time_table(Results{result, result});
    EXPECT_THAT(table, testing::StartsWith("Where the time of all workers went:\n"
                                           "  starting         1.0 s    4.1 %  starting machines and guests"));
    EXPECT_THAT(table, testing::HasSubstr("\n  injecting       12.0 s   49.0 %  "));
    EXPECT_THAT(table, testing::HasSubstr("\n  endless          0.0 s    0.0 %  "));
    EXPECT_THAT(table,
                testing::EndsWith("\n  together        24.5 s           3 364 schedules per second and worker\n"));
    EXPECT_EQ(time_table({}), "");
}

TEST(TextReport, ReportsAFindingAtOnceInOneLine) {
    auto finding = sample::breaking().sweep.findings.front();
    finding.violation.message += "\nand more";
    EXPECT_EQ(
        found_line("nested-nmi/flag-only", finding),
        "nested-nmi/flag-only  found I4 (stack): nmi:entry_nmi+0x1f#2: the frame at 0xffffffff80062fd8 is overwritten");
}

TEST(TextReport, ShowsTheFindingAndHowToReplayIt) {
    EXPECT_EQ(
        details(sample::breaking()),
        "            I4 (stack): the frame at 0xffffffff80062fd8 is overwritten\n"
        "            (the same run also breaks I7 (progress); 3 further schedules of 1 event break something as well)\n"
        "            gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2'\n");
    EXPECT_EQ(details(sample::holding()), "");
    EXPECT_EQ(further_findings(sample::breaking()),
              "            I4 (stack): nmi:nmi_exit (3 schedules): the frame at 0xffffffff80062fd8 is overwritten\n");
    // Other hits and other offsets of one symbol are one line.
    auto result = sample::breaking();
    const auto add = [&](std::uint64_t offset, unsigned hit) {
        auto finding = result.sweep.findings.front();
        finding.schedule.landings.front().boundary.offset = offset;
        finding.schedule.landings.front().boundary.hit = hit;
        result.sweep.findings.push_back(finding);
    };
    add(0x1f, 3);
    add(0x24, 1);
    EXPECT_THAT(further_findings(result),
                testing::StartsWith("            I4 (stack): nmi:entry_nmi+0x1f#2, +0x24 (3 schedules)\n"));
    EXPECT_EQ(further_findings(sample::holding()), "");
}

TEST(TextReport, SaysWhyThereIsNoVerdictOrTheWrongOne) {
    EXPECT_THAT(details(sample::skipped()), HasSubstr("skipped: needs mov-ss-shadow\n"));
    EXPECT_THAT(details(sample::failed()), HasSubstr("error: KVM_EXIT_INTERNAL_ERROR\n"));
    EXPECT_THAT(details(sample::failed()), Not(HasSubstr("rip")));  // the dump is on standard error
    auto unexpected = sample::holding();
    unexpected.status = suite::Status::unexpected;
    unexpected.expect = "breaks I4";
    unexpected.message = "nothing broke";
    EXPECT_EQ(details(unexpected), "            expected: breaks I4; nothing broke\n");
}

TEST(JsonReport, SaysThatItIsPartial) {
    auto result = sample::breaking();
    result.partial = true;
    const ShardedWork work{.missing = {{{2, 3}, "has no FILE", "gatecrash run"}}};
    const auto document = json::parse(json_report("0.1.0", {}, Results{result, sample::holding()}, work));
    EXPECT_EQ(document["partial"],
              json({{"shards", 3},
                    {"missing", {{{"shard", "2/3"}, {"reason", "has no FILE"}, {"command", "gatecrash run"}}}}}));
    EXPECT_EQ(document["results"][0]["partial"], true);
    EXPECT_FALSE(document["results"][1].contains("partial"));
}

TEST(TextReport, SaysWhatAPartialResultLeavesOpen) {
    auto result = sample::breaking();
    EXPECT_THAT(details(result), Not(HasSubstr("partial")));
    result.partial = true;
    EXPECT_THAT(details(result), HasSubstr("partial: the missing shards may break more, or with fewer events\n"));
}

TEST(TextReport, QuotesSchedulesForTheShell) {
    EXPECT_EQ(replay_command({"it's.elf", {}}), "gatecrash replay 'it'\\''s.elf'");
    EXPECT_EQ(shell_command({"gatecrash", "run", "--json=./a_1.json", "", "a b", "nmi/*"}),
              "gatecrash run --json=./a_1.json '' 'a b' 'nmi/*'");
}

TEST(TextReport, SumsUp) {
    EXPECT_EQ(
        summary_line(Results{sample::holding(), sample::breaking(), sample::skipped(), sample::failed()}, sample::amd(),
                     3.21),
        "4 variants: 2 ok, 0 unexpected, 1 skipped, 1 error; 82 418 schedules in 3.2 s on amd (kvm_amd, QEMU, Linux "
        "6.1.0, emulated)\n");
}

TEST(TextReport, NamesInTheSummaryWhatIsNotAsExpected) {
    auto unexpected = sample::breaking();
    unexpected.status = suite::Status::unexpected;
    unexpected.expect = "holds";
    const Results results{unexpected, sample::holding(), sample::skipped(), sample::failed()};
    EXPECT_EQ(
        summary(results, sample::amd(), 3.21),
        "Errors:\n"
        "  nested-nmi/single-stack\n"
        "            error: KVM_EXIT_INTERNAL_ERROR\n"
        "\n"
        "Not as expected:\n"
        "  nested-nmi/flag-only\n"
        "            expected: holds\n"
        "            I4 (stack): the frame at 0xffffffff80062fd8 is overwritten\n"
        "            (the same run also breaks I7 (progress); 3 further schedules of 1 event break something as well)\n"
        "            gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2'\n"
        "\n"
        "Skipped:\n"
        "  mov-ss/plain\n"
        "            skipped: needs mov-ss-shadow\n"
        "\n" +
            summary_line(results, sample::amd(), 3.21));
    EXPECT_EQ(summary(Results{sample::breaking()}, sample::amd(), 1),
              summary_line(Results{sample::breaking()}, sample::amd(), 1))
        << "what is expected needs nobody";
}

TEST(TextReport, SaysWhatToDoNext) {
    auto unexpected = sample::breaking();
    unexpected.status = suite::Status::unexpected;
    auto too_good = sample::holding();
    too_good.status = suite::Status::unexpected;
    EXPECT_EQ(next_step(Results{sample::holding()}), "");
    EXPECT_THAT(next_step(Results{sample::holding(), unexpected}),
                HasSubstr("gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2' --trace"));
    EXPECT_THAT(next_step(Results{too_good}), HasSubstr("the lines above say what was expected"));
    EXPECT_THAT(next_step(Results{unexpected, sample::failed()}), HasSubstr("gatecrash doctor"));
    EXPECT_THAT(next_step(Results{sample::skipped()}), HasSubstr("nothing ran"));
}

TEST(TextReport, GroupsDigits) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1830), "1 830");
    EXPECT_EQ(grouped(1234567), "1 234 567");
    EXPECT_EQ(counted(1, "finding"), "1 finding");
    EXPECT_EQ(counted(0, "finding"), "0 findings");
}

TEST(ExitCode, TakesTheGravestOfAll) {
    auto unexpected = sample::holding();
    unexpected.status = suite::Status::unexpected;
    EXPECT_EQ(exit_code_of(Results{sample::holding(), sample::skipped()}), ExitCode::as_expected);
    EXPECT_EQ(exit_code_of(Results{sample::holding(), unexpected}), ExitCode::unexpected);
    EXPECT_EQ(exit_code_of(Results{unexpected, sample::failed()}), ExitCode::error);
    EXPECT_EQ(exit_code_of(Results{sample::skipped()}), ExitCode::nothing_ran);
    EXPECT_EQ(exit_code_of({}), ExitCode::nothing_ran);
}

TEST(ProgressLine, ShowsCaseBoundarySpeedAndFindings) {
    const sweep::Progress progress{.level = 2, .boundary = 57, .boundaries = 203, .schedules = 3660, .findings = 0};
    EXPECT_EQ(progress_line("nested-nmi/copied-frame", progress, 2.0),
              "nested-nmi/copied-frame  level 2  boundary 57/203  1 830 schedules/s  0 findings");
    EXPECT_THAT(progress_line("x", progress, 0), HasSubstr("  0 schedules/s  "));
}

TEST(ProgressLine, FitsTheTerminal) {
    EXPECT_EQ(fit("abcdef", 0), "abcdef");
    EXPECT_EQ(fit("abcdef", 80), "abcdef");
    EXPECT_EQ(fit("abcdef", 7), "abcdef");
    EXPECT_EQ(fit("abcdef", 6), "abcde");  // keeps the last column free
    EXPECT_EQ(fit("abcdef", 1), "");
}

TEST(Listing, SaysWhatEachVariantIsAndExpects) {
    const auto sample = sample::nested_nmi();
    const std::array selections{Selection{&sample, &sample.variants[0]}, Selection{&sample, &sample.variants[1]}};
    const auto text = text_listing(selections);
    EXPECT_THAT(text, testing::StartsWith("nested-nmi: Does an NMI inside another one lose a frame?\n"));
    for (const auto* part :
         {"flag-only\n", "a nesting flag, and no check of RIP\n", "origin   Torvalds 2014\n",
          "expects  breaks I4 (stack): nmi on flag_clear or flag_iret; irq on entry_irq, then nmi on any code\n",
          "because  the flag is clear before IRET\n", "sweeps   nmi, irq=0x30 to depth 2\n", "covers   A1, A6\n",
          "expects  holds\n"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
    const auto document = json::parse(json_listing("0.1.0", selections));
    ASSERT_EQ(document["cases"].size(), 1U);
    EXPECT_EQ(document["cases"][0]["case"], "nested-nmi");
    EXPECT_EQ(document["cases"][0]["variants"][0]["expect"], "breaks I4");
    EXPECT_EQ(document["cases"][0]["variants"][1]["events"], json({"nmi", "irq=0x30"}));
}

}  // namespace
}  // namespace gatecrash::report
