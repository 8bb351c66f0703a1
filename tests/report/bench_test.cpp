#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/bench_document.hpp"
#include "report/bench_table.hpp"
#include "support/sample.hpp"

namespace gatecrash::report {
namespace {

using bench::Figure;
using testing::HasSubstr;
using testing::Not;

Figure figure(const std::string& name, const std::string& unit, double median) {
    return {.name = name,
            .unit = unit,
            .median = median,
            .min = median - 1,
            .p99 = median + 2,
            .interval = {median - 0.5, median + 0.5},
            .runs = 3,
            .valid = true,
            .note = "note of " + name};
}

TEST(BenchDocument, HasTheFieldsOfTheContractAndIsReadBack) {
    auto invalid = figure("b", "cycles", 20);
    invalid.valid = false;
    const BenchDocument document{
        "0.1.0", sample::amd(), {{figure("a", "instructions", 4), invalid}, {{"c", "why"}}, {"warned"}}};
    const auto text = to_text(document);
    const auto json = nlohmann::json::parse(text);
    EXPECT_EQ(json["gatecrash"], "0.1.0");
    EXPECT_EQ(json["machine"]["name"], "amd");
    EXPECT_EQ(json["results"][0], nlohmann::json({{"name", "a"},
                                                  {"unit", "instructions"},
                                                  {"median", 4.0},
                                                  {"min", 3.0},
                                                  {"p99", 6.0},
                                                  {"interval", {3.5, 4.5}},
                                                  {"runs", 3},
                                                  {"valid", true},
                                                  {"note", "note of a"}}));
    EXPECT_EQ(json["results"][1]["valid"], false);
    EXPECT_EQ(json["skipped"][0], nlohmann::json({{"name", "c"}, {"reason", "why"}}));
    EXPECT_EQ(json["warnings"][0], "warned");
    EXPECT_EQ(to_text(read_bench_document(text)), text);
}

TEST(BenchDocument, HasWhatWasExpectedOfAHost) {
    BenchDocument document{"0.1.0", sample::amd(), {{figure("injection_ns", "ns", 4000)}}};
    EXPECT_FALSE(nlohmann::json::parse(to_text(document)).contains("expected"));
    document.expected = expected_cost({}, vm::Vendor::amd);
    const auto text = to_text(document);
    const auto expected = nlohmann::json::parse(text).at("expected");
    EXPECT_EQ(expected.at("hosts"), "bare metal, without costly mitigations");
    EXPECT_EQ(expected.at("injection_ns"), nlohmann::json({3500.0, 4500.0}));
    EXPECT_EQ(read_bench_document(text).measured.figures.size(), 1U);
}

TEST(BenchDocument, HasTheFactsOfAHostThatIsNotEmulated) {
    BenchDocument document{"0.1.0", sample::amd(), {}};
    EXPECT_FALSE(nlohmann::json::parse(to_text(document)).contains("host"));
    document.host.emplace().microcode = "0xa20120e";
    const auto text = to_text(document);
    EXPECT_EQ(nlohmann::json::parse(text)["host"]["microcode"], "0xa20120e");
    EXPECT_EQ(read_bench_document(text).version, "0.1.0");
}

TEST(BenchDocument, ThatIsInvalidIsRefused) {
    for (const auto* text :
         {"", "{", "[]", "{}", R"({"gatecrash": "1", "machine": {}, "results": [], "skipped": [], "warnings": []})"}) {
        EXPECT_THROW((void)read_bench_document(text), BenchDocumentError) << text;
    }
}

TEST(BenchTable, SaysWhatAPieceAdds) {
    const auto table = bench_table({{figure("p", "instructions", 4), figure("p+x", "instructions", 10)}});
    EXPECT_THAT(table, HasSubstr("p+x           10     +6  note of p+x\n"));
    EXPECT_THAT(table, HasSubstr("p              4         note of p\n"));
}

TEST(BenchTable, ClaimsNothingThatIsNotValid) {
    auto invalid = figure("p", "cycles", 40);
    invalid.valid = false;
    EXPECT_THAT(bench_table({{invalid}}), HasSubstr("not valid: note of p"));
    EXPECT_THAT(bench_table({{}, {{"q", "no CPU has it"}, {"r", "no CPU has it"}}}),
                HasSubstr("skipped: no CPU has it: q, r\n"));
    EXPECT_THAT(bench_table({{}, {}, {"SMT"}}), HasSubstr("warning: SMT\n"));
}

TEST(ChangeTable, MarksChangesOverTheThreshold) {
    auto changes = bench::compare(std::vector{figure("p", "cycles", 100), figure("q", "cycles", 100)},
                                  std::vector{figure("p", "cycles", 200), figure("q", "cycles", 100)}, 0.05);
    changes.left_out = {"r (cycles)"};
    const auto table = change_table(changes, 0.05);
    EXPECT_THAT(table, HasSubstr("not compared, because one of the two figures is missing or not valid: r (cycles)\n"));
    EXPECT_THAT(table, HasSubstr("2.000   1.985 to 2.015  cycles  over the threshold of 1.050\n"));
    EXPECT_THAT(table, HasSubstr("1.000   0.990 to 1.010  cycles\n"));
}

TEST(PlotScript, HasTheMostUsefulUnit) {
    const std::vector<Figure> figures{figure("p", "instructions", 4), figure("p", "cycles", 90)};
    EXPECT_THAT(plot_script(figures, "p.svg"),
                testing::AllOf(HasSubstr("\np 90 89.5 90.5\n"), HasSubstr("xlabel \"cycles\""),
                               HasSubstr("set output \"p.svg\"")));
    auto invalid = figures;
    invalid[1].valid = false;
    EXPECT_THAT(plot_script(invalid, "p.svg"), testing::AllOf(HasSubstr("\np 4 3.5 4.5\n"), Not(HasSubstr("90"))));
}

}  // namespace
}  // namespace gatecrash::report
