// Tests what sweeps say about a checked file.
#include "check/evidence.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "check/checked_code.hpp"
#include "check/protected_code.hpp"

namespace gatecrash::check {
namespace {

using nlohmann::json;
using report::add_results;
using report::RunRecordError;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char *broken = "64-leaves_section.elf", *clean = "64-leaves_section-clean.elf",
                     *other = "64-breakpoint_inside.elf", *object_of_clean = "64-leaves_section-clean.o";

CodeFile code_file(const std::string& name) { return read_code_file(code_bytes(name), name); }

std::string identity(const CodeFile& file) { return identity_of(file, usual_sections(file)); }

/// Returns the document of a sweep of `file` that executed `size` bytes from each of `symbols`.
json document_of(const CodeFile& file, const std::vector<std::string>& symbols, std::uint64_t size) {
    auto executed = json::array();
    for (const auto& symbol : symbols) executed.push_back({fmt::format("{:#x}", file.find(symbol).value()), size});
    return {{"gatecrash", "1.2.3"}, {"results", {{{"code", identity(file)}, {"executed", executed}}}}};
}

Report check_with(const CodeFile& file, const RunRecord& record) {
    return make_report(file, code_path(broken), check_file(file, {}), {}, &record);
}

std::string error_of(const std::string& document) {
    const auto file = code_file(broken);
    RunRecord record;
    try {
        add_results(record, document, identity(file));
    } catch (const RunRecordError& error) {
        return error.what();
    }
    return "no error";
}

TEST(ProtectedCode, HasTheExitsOfAFile) {
    const auto file = code_file(broken);
    const auto code = protected_code(file);
    EXPECT_THAT(code.ranges, SizeIs(2));
    EXPECT_THAT(code.exits, ElementsAre(vm::Virtual{file.find("broken").value() + 1}));
    EXPECT_TRUE(code.contains(vm::Virtual{file.find("entry").value()}));
    EXPECT_FALSE(code.contains(vm::Virtual{file.find("work").value()}));
    EXPECT_THAT(protected_code(code_file(clean)).exits, IsEmpty()) << "the call is annotated";
    EXPECT_EQ(code.identity, protected_code(code_file(clean)).identity) << "an annotation is no instruction";
    EXPECT_NE(code.identity, protected_code(code_file(other)).identity);
    EXPECT_THAT(protected_code(code_file("64-leaves_section.o")).ranges, IsEmpty()) << "an object has no addresses";
}

/// Returns what is wrong with the annotations of an object for a linked file.
std::string annotation_error(const CodeFile& object, const CodeFile& linked) {
    try {
        (void)read_annotations(object, linked);
    } catch (const kernel::ImageError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Annotations, OfAnObjectAreValidWhereItsCodeWasLinked) {
    const auto file = code_file(broken);
    const auto exit = vm::Virtual{file.find("broken").value() + 1};
    EXPECT_THAT(certain_exits(file, {}), ElementsAre(exit));
    const auto annotations = read_annotations(code_file(object_of_clean), file);
    EXPECT_THAT(certain_exits(file, annotations), IsEmpty()) << "the same code, and the call is annotated";
    EXPECT_THAT(check_file(file, {.sections = {}, .entries = {}, .policy = {}, .annotations = annotations}).findings,
                IsEmpty());
}

TEST(Annotations, OfAnotherBuildAreRefused) {
    auto object = code_file(object_of_clean), linked = code_file(broken);
    EXPECT_THAT(annotation_error(code_file("64-leaves_section.o"), linked), HasSubstr("it has no annotations"));
    EXPECT_THAT(annotation_error(code_file(clean), linked), HasSubstr("it has no annotations")) << "it is linked";
    EXPECT_EQ(annotation_error(object, linked), "no error");
    object.symbols.push_back({"tail", object.find("broken").value() + 2, true});
    linked.symbols.push_back({"tail", linked.find("broken").value() + 3, true});
    EXPECT_EQ(annotation_error(object, linked),
              "it is not of the same build: tail is at another place of .noinstr.text");
}

TEST(ProtectedCode, HasIndirectCallsAndNoIndirectJumps) {
    const auto file = code_file("64-indirect_branch.elf");
    for (const auto exit : protected_code(file).exits)
        EXPECT_EQ(std::to_integer<unsigned>(file.at(number(exit), 1)[0]), 0xffU);
}

TEST(RunRecord, ConfirmsAFindingThatWasExecuted) {
    const auto file = code_file(broken);
    RunRecord record;
    add_results(record, document_of(file, {"entry", "broken"}, 6).dump(), identity(file));
    const auto report = check_with(file, record);
    ASSERT_THAT(report.findings, SizeIs(1));
    EXPECT_EQ(report.findings[0].evidence, Evidence::confirmed);
    EXPECT_THAT(to_text(report), HasSubstr("    by runs: confirmed\n"));
    const auto document = json::parse(to_json(report, "1.2.3"));
    EXPECT_EQ(document["results"][0]["runs"], "confirmed");
    EXPECT_EQ(document["runs"]["results"], 1);
}

TEST(RunRecord, NamesTheInstructionsThatNoSweepReached) {
    const auto file = code_file(broken);
    RunRecord record;
    add_results(record, document_of(file, {"entry"}, 2).dump(), identity(file));
    const auto report = check_with(file, record);
    EXPECT_EQ(report.findings[0].evidence, Evidence::not_reached);
    ASSERT_TRUE(report.reach);
    EXPECT_EQ(report.reach->reached, 1U);
    EXPECT_THAT(to_text(report), HasSubstr("1 of 5 instructions were reached by 1 sweep\n"));
    EXPECT_THAT(to_text(report), HasSubstr("    not reached: entry+0x2, 1 instruction\n"));
    EXPECT_THAT(to_text(report), HasSubstr("    not reached: broken, 3 instructions\n"));
    EXPECT_THAT(json::parse(to_json(report, "1.2.3"))["runs"]["not_reached"], SizeIs(2));
}

TEST(RunRecord, IsTheUnionOfResults) {
    const auto file = code_file(broken);
    auto both = document_of(file, {"entry"}, 2);
    both["results"].push_back(document_of(file, {"broken"}, 7)["results"][0]);
    both["results"].push_back(document_of(code_file(other), {"broken"}, 1)["results"][0]);
    RunRecord record;
    add_results(record, both.dump(), identity(file));
    add_results(record, document_of(file, {"entry"}, 7).dump(), identity(file));
    EXPECT_EQ(record.results, 3U) << "the one of another file does not count";
    EXPECT_THAT(check_with(file, record).reach->unreached, IsEmpty());
}

TEST(RunRecord, ReadsTheResultsOfAllMachinesOnce) {
    const auto file = code_file(broken);
    auto document = document_of(file, {"entry"}, 2);
    document["machines"] = {{{"results", document["results"]}}, {{"results", json::array()}}};
    RunRecord record;
    add_results(record, document.dump(), identity(file));
    EXPECT_EQ(record.results, 1U);
}

TEST(RunRecord, RefusesWhatSaysNothingAboutTheFile) {
    const auto file = code_file(broken);
    const auto good = document_of(file, {"entry"}, 2);
    EXPECT_EQ(error_of(good.dump()), "no error");
    EXPECT_THAT(error_of(good.dump().substr(0, 40)), HasSubstr("not a JSON document of gatecrash: "));
    EXPECT_THAT(error_of(""), HasSubstr("not a JSON document of gatecrash: "));
    EXPECT_THAT(error_of("{}"), HasSubstr("not a JSON document of `run`, `explore`"));
    EXPECT_THAT(error_of(document_of(code_file(other), {"broken"}, 2).dump()),
                HasSubstr("none of its results is about this file"));
    auto old = good;
    old["results"][0].erase("executed");
    EXPECT_THAT(error_of(old.dump()), HasSubstr("sweep with this version"));
    for (const auto* const address : {"nonsense", "0x", "-0x10", "16"}) {
        auto bad = good;
        bad["results"][0]["executed"][0][0] = address;
        EXPECT_THAT(error_of(bad.dump()), HasSubstr("is not an address")) << address;
    }
    auto endless = good;
    endless["results"][0]["executed"][0] = {"0xffffffffffffffff", 2};
    EXPECT_THAT(error_of(endless.dump()), HasSubstr("has no end"));
    auto empty = good;
    empty["results"][0]["executed"][0][1] = -1;
    EXPECT_THAT(error_of(empty.dump()), HasSubstr("a list of counts has something else in it"));
}

TEST(RunRecord, DoesNotConfirmARuleAboutTheState) {
    const auto file = code_file(broken);
    RunRecord record;
    add_results(record, document_of(file, {"entry", "broken"}, 7).dump(), identity(file));
    const Finding of_state{Rule::user_gs_call, file.find("broken").value(), "", {}};
    EXPECT_EQ(evidence_for(of_state, file, record), Evidence::reached) << "to execute it breaks nothing yet";
}

}  // namespace
}  // namespace gatecrash::check
