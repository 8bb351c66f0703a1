#include "report/machine_matrix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/json_report.hpp"
#include "support/sample.hpp"

namespace gatecrash::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using vm::Behaviour;

constexpr auto a = Behaviour::int3, b = Behaviour::lsl;

MachineResults on(const std::string& name, Measured<bool> behaviours, std::vector<suite::Result> results) {
    auto machine = sample::amd();
    machine.name = name;
    machine.behaviours = std::move(behaviours);
    return {.machine = machine, .results = std::move(results), .missing = {}, .remedy = {}};
}

MachineResults missing(const std::string& name) {
    MachineResults of{.machine = {}, .results = {}, .missing = "no emulator", .remedy = "get one"};
    of.machine.name = name;
    return of;
}

/// Returns a result that breaks, of a variant that holds on other machines.
suite::Result broken() {
    auto result = sample::breaking();
    result.variant = "copied-frame";
    result.expect = "holds";
    result.status = suite::Status::unexpected;
    result.sweep.findings.front().schedule.target = "nested-nmi/copied-frame";
    return result;
}

/// Returns an interrupted result, of a variant that ends in an error on other machines.
suite::Result interrupted() {
    auto result = sample::failed();
    result.verdict = suite::Verdict::skip;
    result.status = suite::Status::skip;
    result.message.clear();
    result.skip_reason = "interrupted after 3 schedules";
    result.sweep.boundaries = 12;
    result.sweep.schedules = 3;
    return result;
}

/// Returns the matrix of results that no case describes.
std::string matrix(const std::vector<MachineResults>& machines) { return machine_matrix(machines, {}); }

TEST(MachineMatrix, MarksAndExplainsWhereMachinesDiffer) {
    const std::vector machines{
        missing("host"),
        on("amd",
           {{Behaviour::int3, true},
            {Behaviour::tf_over_sti, false},
            {Behaviour::tf_in_fmask, true},
            {Behaviour::rdtscp, true}},
           {sample::breaking(), sample::holding(), sample::failed()}),
        on("intel", {{Behaviour::int3, true}, {Behaviour::tf_over_sti, true}, {Behaviour::tf_in_fmask, false}},
           {sample::breaking(), broken(), interrupted()})};
    EXPECT_EQ(matrix(machines),
              "                           amd                   intel\n"
              "  nested-nmi/flag-only     ok breaks I4          ok breaks I4\n"
              "* nested-nmi/copied-frame  ok holds              unexpected breaks I4\n"
              "* nested-nmi/single-stack  error                 skip\n"
              "\n"
              "* 2 variants whose results differ between machines; brackets name the machines on which a behaviour "
              "differs from hardware (`gatecrash doctor` measures more)\n"
              "\n"
              "nested-nmi/copied-frame differs; these behaviours differ between the machines: tf-in-fmask (intel), "
              "tf-over-sti (amd)\n"
              "  amd    ok holds\n"
              "  intel  unexpected breaks I4; gatecrash replay 'nested-nmi/copied-frame@nmi:entry_nmi+0x1f#2' "
              "--machine intel\n"
              "\n"
              "nested-nmi/single-stack differs; these behaviours differ between the machines: tf-in-fmask (intel), "
              "tf-over-sti (amd)\n"
              "  amd    error; 0 boundaries; 0 schedules; KVM_EXIT_INTERNAL_ERROR\n"
              "  intel  skip; 12 boundaries; 3 schedules; interrupted after 3 schedules\n");
}

TEST(MachineMatrix, OfMachinesThatDoTheSameSaysSo) {
    const std::vector machines{on("amd", {{Behaviour::int3, true}}, {sample::breaking(), sample::skipped()}),
                               on("intel", {{Behaviour::int3, false}}, {sample::breaking(), sample::skipped()})};
    EXPECT_EQ(matrix(machines),
              "                        amd           intel\n"
              "  nested-nmi/flag-only  ok breaks I4  ok breaks I4\n"
              "  mov-ss/plain          skip          skip\n"
              "\n"
              "the machines do not differ\n");
}

TEST(MachineMatrix, OfOneMachineComparesNothing) {
    EXPECT_EQ(matrix({on("amd", {}, {sample::holding()}), missing("intel")}),
              "                           amd\n"
              "  nested-nmi/copied-frame  ok holds\n");
}

TEST(MachineMatrix, HasNoResultOfAVariantThatDidNotBegin) {
    const std::vector machines{on("amd", {}, {sample::holding(), sample::skipped()}),
                               on("intel", {}, {sample::holding()})};
    EXPECT_THAT(matrix(machines), HasSubstr("  mov-ss/plain             skip      -\n"));
    EXPECT_THAT(matrix(machines), HasSubstr("the machines do not differ"));
}

TEST(MachineMatrix, ComparesCountsAndFindingsToo) {
    auto longer = sample::breaking();
    ++longer.sweep.boundaries;
    auto more = sample::breaking();
    ++more.sweep.schedules;
    auto elsewhere = sample::breaking();
    elsewhere.sweep.findings.front().schedule.landings.front().boundary.symbol = "nmi_iret";
    auto slower = sample::breaking();
    slower.seconds = 99;
    struct {
        suite::Result other;
        const char* told;
    } const rows[] = {
        {longer, "\n  amd    203 boundaries; gatecrash replay"},
        {more, "\n  intel  41 210 schedules; gatecrash replay"},
        {elsewhere, "\n  intel  gatecrash replay 'nested-nmi/flag-only@nmi:nmi_iret+0x1f#2' --machine intel\n"},
        {slower, "the machines do not differ"},
    };
    for (const auto& row : rows) {
        EXPECT_THAT(matrix({on("amd", {}, {sample::breaking()}), on("intel", {}, {row.other})}), HasSubstr(row.told));
    }
}

TEST(MachineMatrix, NamesBehavioursOnlyOfMachinesThatDiffer) {
    // Host and amd have equal results, so their behaviours do not matter.
    const std::vector machines{on("host", {{a, true}, {b, true}}, {sample::holding()}),
                               on("amd", {{a, false}, {b, true}}, {sample::holding()}),
                               on("intel", {{a, false}, {b, true}}, {broken()})};
    EXPECT_THAT(matrix(machines), HasSubstr("these behaviours differ between the machines: int3 (amd, intel)\n"));
    const std::vector other{on("host", {{a, true}, {b, true}}, {sample::holding()}),
                            on("amd", {{a, false}, {b, true}}, {sample::holding()}),
                            on("intel", {{a, true}, {b, false}}, {broken()})};
    EXPECT_THAT(matrix(other), HasSubstr("these behaviours differ between the machines: int3 (amd), lsl (intel)\n"));
    const std::vector unknown{on("amd", {{a, false}}, {sample::holding()}), on("intel", {}, {broken()})};
    EXPECT_THAT(matrix(unknown), HasSubstr("no behaviour of intel was measured\n"));
    const std::vector alike{on("amd", {{a, false}}, {sample::holding()}), on("intel", {{a, false}}, {broken()})};
    EXPECT_THAT(matrix(alike), HasSubstr("no behaviour that was measured differs between the machines\n"));
}

TEST(MachineMatrix, ExplainsAVariantThatExpectsToDiffer) {
    auto of = sample::nested_nmi();
    auto& variant = of.variants.back();
    variant.because = "the vendor that everybody tests on";
    variant.otherwise = {.vendor = vm::Vendor::intel,
                         .expects = suite::breaks(sweep::Invariant::stack, {{}}),
                         .because = "the other one"};
    const std::vector<Selection> selections{{&of, &variant}};
    auto breaks = broken();
    breaks.status = suite::Status::ok;
    std::vector machines{on("amd", {{a, true}}, {sample::holding()}), on("intel", {{a, false}}, {breaks})};
    machines[1].machine.vendor = vm::Vendor::intel;
    EXPECT_THAT(machine_matrix(machines, selections),
                HasSubstr("\nnested-nmi/copied-frame differs as expected\n"
                          "  amd    ok holds\n"
                          "         the vendor that everybody tests on\n"
                          "  intel  ok breaks I4; gatecrash replay 'nested-nmi/copied-frame@nmi:entry_nmi+0x1f#2' "
                          "--machine intel\n"
                          "         the other one\n"));
    // Behaviours explain a machine with an unexpected result, and CPUs for which the variant expects the same.
    const auto* behaviours = "differs; these behaviours differ between the machines: int3 (intel)\n";
    machines[1].results.front().status = suite::Status::unexpected;
    EXPECT_THAT(machine_matrix(machines, selections), HasSubstr(behaviours));
    machines[1].results.front().status = suite::Status::ok;
    machines[0].machine.vendor = vm::Vendor::intel;
    EXPECT_THAT(machine_matrix(machines, selections), HasSubstr(behaviours));
}

TEST(JsonReport, OfSeveralMachinesIsThatOfTheFirstAndHasAll) {
    const std::vector machines{missing("host"), on("amd", {{a, true}}, {sample::holding()}),
                               on("intel", {{a, false}}, {broken()})};
    const auto document = json::parse(json_report("1.0", machines));
    auto first = json::parse(json_report("1.0", machines[1].machine, machines[1].results));
    const auto second = json::parse(json_report("1.0", machines[2].machine, machines[2].results));
    ASSERT_EQ(document["machines"].size(), 3U);
    EXPECT_EQ(document["machines"][0], json({{"machine", {{"name", "host"}}},
                                             {"missing", "no emulator"},
                                             {"remedy", "get one"},
                                             {"results", json::array()}}));
    EXPECT_EQ(document["machines"][1], json({{"machine", first["machine"]}, {"results", first["results"]}}));
    EXPECT_EQ(document["machines"][2], json({{"machine", second["machine"]}, {"results", second["results"]}}));
    first["machines"] = document["machines"];
    EXPECT_EQ(document, first);
}

}  // namespace
}  // namespace gatecrash::report
