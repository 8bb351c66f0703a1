// Tests suppressions, and the formats of a report.
#include "check/report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "check/checked_code.hpp"

namespace gatecrash::check {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string suppression_error(const std::string& text) {
    try {
        (void)read_suppressions(text, "accepted");
    } catch (const SuppressionError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Suppressions, AreLinesWithAReason) {
    const auto read = read_suppressions("# comment\n\n leaves-section  broken+0x1   we know  it \r\n", "accepted");
    ASSERT_THAT(read, SizeIs(1));
    EXPECT_EQ(read[0].rule, Rule::leaves_section);
    EXPECT_EQ(read[0].symbol, "broken+0x1");
    EXPECT_EQ(read[0].reason, "we know  it");
    EXPECT_EQ(read[0].line, 3U);
    EXPECT_EQ(suppression_error("# x\nleaves-sections broken why"), "accepted:2: no rule is called 'leaves-sections'");
    EXPECT_THAT(suppression_error("leaves-section broken"), StartsWith("accepted:1: a reason is missing"));
    EXPECT_THAT(suppression_error("leaves-section broken  \n"), StartsWith("accepted:1: a reason is missing"));
    EXPECT_THAT(suppression_error("leaves-section"), StartsWith("accepted:1: a reason is missing"));
}

TEST(Suppressions, AreAboutOneFindingOrAllOfASymbol) {
    for (const auto* const symbol : {"broken", "broken+0x1"}) {
        const auto report = check_code("64-leaves_section.o", {}, {{Rule::leaves_section, symbol, "fine", 1}});
        ASSERT_THAT(report.findings, SizeIs(1));
        EXPECT_EQ(report.findings[0].suppressed, "fine");
        EXPECT_EQ(report.open(), 0U);
        EXPECT_THAT(report.unused, IsEmpty());
        EXPECT_THAT(to_text(report), AllOf(Not(HasSubstr("calls work")), HasSubstr("0 findings, 1 suppressed")));
    }
    const std::vector<Suppression> others{{Rule::leaves_section, "broke", "x", 1},
                                          {Rule::leaves_section, "broken+0x10", "x", 2},
                                          {Rule::indirect_branch, "broken", "x", 3}};
    const auto report = check_code("64-leaves_section.o", {}, others);
    EXPECT_EQ(report.open(), 1U);
    EXPECT_THAT(report.unused, SizeIs(3));
    EXPECT_THAT(to_text(report), HasSubstr("line 3 of the suppressions is unused: no indirect-branch at broken\n"));
}

TEST(CheckReport, IsText) {
    EXPECT_THAT(
        to_text(check_code("64-leaves_section.o")),
        AllOf(StartsWith("broken+0x1: leaves-section: calls work, which is in .text\n"
                         "    call work\n"
                         "    path: entry > entry+0x2 > broken > broken+0x1\n"),
              HasSubstr(": 1 finding in 5 instructions of .noinstr.text, .entry.text ("), Not(HasSubstr("nan"))));
}

TEST(CheckReport, IsJson) {
    const auto document = json::parse(
        to_json(check_code("64-leaves_section.o", {}, {{Rule::indirect_branch, "nobody", "x", 7}}), "1.2.3"));
    EXPECT_EQ(document["gatecrash"], "1.2.3");
    EXPECT_EQ(document["sections"][0]["name"], ".noinstr.text");
    EXPECT_EQ(document["instructions"], 5);
    ASSERT_EQ(document["results"].size(), 1U);
    const auto& result = document["results"][0];
    EXPECT_EQ(result["rule"], "leaves-section");
    EXPECT_EQ(result["symbol"], "broken+0x1");
    EXPECT_EQ(result["path"], (json{"entry", "entry+0x2", "broken", "broken+0x1"}));
    EXPECT_EQ(result["instruction"], "call work");
    EXPECT_TRUE(result["source"].is_null());
    EXPECT_FALSE(result.contains("reason"));
    EXPECT_EQ(document["unused_suppressions"],
              (json{{{"line", 7}, {"rule", "indirect-branch"}, {"symbol", "nobody"}}}));
    EXPECT_EQ(document["suppressed"], json::array());
    EXPECT_EQ(document["not_checked"], json::array());
    const auto accepted =
        json::parse(to_json(check_code("64-leaves_section.o", {}, {{Rule::leaves_section, "broken", "fine", 1}}), "1"));
    EXPECT_EQ(accepted["results"], json::array());
    EXPECT_EQ(accepted["suppressed"][0]["reason"], "fine");
}

/// Expects an object with these members, and no other than these and `optional` ones: SARIF allows only what it names.
void expect_members(const json& object, const std::vector<std::string>& required,
                    const std::vector<std::string>& optional = {}) {
    ASSERT_TRUE(object.is_object()) << object;
    for (const auto& name : required) EXPECT_TRUE(object.contains(name)) << name << " in " << object;
    for (const auto& [name, value] : object.items()) {
        const bool is_known =
            std::ranges::find(required, name) != required.end() || std::ranges::find(optional, name) != optional.end();
        EXPECT_TRUE(is_known) << name << " in " << object;
    }
}

/// Checks a location (SARIF 3.28) and what is in it.
void expect_location(const json& location, bool has_file) {
    expect_members(location, {"logicalLocations"}, {"physicalLocation", "message"});
    for (const auto& logical : location["logicalLocations"]) expect_members(logical, {"fullyQualifiedName", "kind"});
    EXPECT_EQ(location.contains("physicalLocation"), has_file);
    if (!has_file) return;
    const auto& physical = location["physicalLocation"];
    expect_members(physical, {"artifactLocation"}, {"region", "address"});
    expect_members(physical["artifactLocation"], {"uri"});
    if (physical.contains("region")) {
        EXPECT_GE(physical["region"]["startLine"].get<int>(), 1);
    }
    if (physical.contains("address")) {
        expect_members(physical["address"], {"absoluteAddress", "kind"});
        EXPECT_TRUE(physical["address"]["absoluteAddress"].is_number_integer());
    }
}

/// Checks the structure that the specification of SARIF 2.1.0 requires of what gatecrash writes (3.13 to 3.58).
void expect_sarif(const json& document) {
    expect_members(document, {"$schema", "version", "runs"});
    EXPECT_EQ(document["version"], "2.1.0");
    ASSERT_EQ(document["runs"].size(), 1U);
    const auto& run = document["runs"][0];
    expect_members(run, {"tool", "results"}, {"invocations", "artifacts"});
    expect_members(run["tool"], {"driver"});
    const auto& driver = run["tool"]["driver"];
    expect_members(driver, {"name", "version", "rules"});
    for (const auto& rule : driver["rules"]) {
        expect_members(rule, {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration"});
        for (const auto* const text : {"shortDescription", "fullDescription", "help"})
            expect_members(rule[text], {"text"});
    }
    for (const auto& invocation : run["invocations"]) {
        expect_members(invocation, {"executionSuccessful"}, {"toolExecutionNotifications"});
        for (const auto& note : invocation["toolExecutionNotifications"]) expect_members(note, {"level", "message"});
    }
    for (const auto& result : run["results"]) {
        expect_members(result, {"ruleId", "message", "locations"},
                       {"ruleIndex", "level", "partialFingerprints", "codeFlows", "suppressions"});
        expect_members(result["message"], {"text"});
        EXPECT_EQ(result["ruleId"], driver["rules"][result["ruleIndex"].get<std::size_t>()]["id"]);
        EXPECT_EQ(result["level"], "error");
        for (const auto& location : result["locations"]) expect_location(location, true);
        for (const auto& step : result["codeFlows"][0]["threadFlows"][0]["locations"])
            expect_location(step["location"], false);
        for (const auto& each : result.value("suppressions", json::array())) {
            expect_members(each, {"kind", "justification"});
            EXPECT_EQ(each["kind"], "external");
        }
    }
}

TEST(CheckReport, IsSarif) {
    const auto document = json::parse(to_sarif(
        check_code("64-leaves_section.o", {}, {{Rule::leaves_section, "broken", "we accept it", 1}}), "1.2.3"));
    expect_sarif(document);
    const auto& result = document["runs"][0]["results"][0];
    EXPECT_EQ(result["ruleId"], "leaves-section");
    EXPECT_EQ(result["message"]["text"], "broken+0x1: calls work, which is in .text");
    EXPECT_EQ(result["suppressions"][0]["justification"], "we accept it");
    EXPECT_EQ(result["codeFlows"][0]["threadFlows"][0]["locations"].size(), 4U);
    EXPECT_FALSE(result["locations"][0]["physicalLocation"].contains("address")) << "an object has no addresses";
}

TEST(CheckReport, NamesTheSourceInSarif) {
    const auto document = json::parse(to_sarif(check_code("64-traced.elf"), "1.2.3"));
    expect_sarif(document);
    const auto& where = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    EXPECT_THAT(where["artifactLocation"]["uri"].get<std::string>(), testing::EndsWith("traced.c"));
    EXPECT_EQ(where["region"]["startLine"], 5);
    EXPECT_TRUE(where.contains("address"));
}

TEST(CheckReport, EscapesNamesInSarif) {
    const Report report{
        .file = "/a b/%\xff.o", .sections = {}, .findings = {}, .unchecked = {{"leaves-section", "no"}}, .unused = {}};
    const auto document = json::parse(to_sarif(report, "1"));
    expect_sarif(document);
    EXPECT_EQ(document["runs"][0]["artifacts"][0]["location"]["uri"], "file:///a%20b/%25%FF.o");
    EXPECT_EQ(document["runs"][0]["invocations"][0]["toolExecutionNotifications"].size(), 1U);
}

}  // namespace
}  // namespace gatecrash::check
