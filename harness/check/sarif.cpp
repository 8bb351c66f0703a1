// SARIF 2.1.0, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS Standard. The numbers in
// comments are its sections.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "check/report.hpp"

namespace gatecrash::check {
namespace {

using nlohmann::ordered_json;

/// Returns a relative or absolute URI of a path (3.4.3, RFC 3986).
std::string uri_of(std::string_view path) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string uri;
    for (const char c : path) {
        if (plain.find(c) != std::string_view::npos) {
            uri += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            uri += {'%', digits[byte / 16U], digits[byte % 16U]};
        }
    }
    return path.starts_with('/') ? "file://" + uri : uri;
}

/// Returns where a finding is (3.29): in its source if that is known, otherwise in the file.
ordered_json physical_location(const Report& report, const NamedFinding& finding) {
    ordered_json location{{"artifactLocation", {{"uri", uri_of(report.file)}}}};
    if (report.is_linked) location["address"] = {{"absoluteAddress", finding.address}, {"kind", "instruction"}};
    if (!finding.source) return location;
    const auto colon = finding.source->rfind(':');
    int line = 0;
    const auto* const end = finding.source->data() + finding.source->size();
    if (std::from_chars(finding.source->data() + colon + 1, end, line).ec != std::errc{} || line < 1) return location;
    location["artifactLocation"]["uri"] = uri_of(std::string_view(*finding.source).substr(0, colon));
    location["region"] = {{"startLine", line}};
    return location;
}

ordered_json logical_locations(const std::string& place) {
    return ordered_json::array({{{"fullyQualifiedName", place}, {"kind", "function"}}});
}

ordered_json result_of(const Report& report, const NamedFinding& finding) {
    ordered_json steps = ordered_json::array();
    for (const auto& place : finding.path)
        steps.push_back(
            {{"location", {{"logicalLocations", logical_locations(place)}, {"message", {{"text", place}}}}}});
    ordered_json result{{"ruleId", finding.rule->name},
                        {"ruleIndex", finding.rule - rules().data()},
                        {"level", "error"},
                        {"message", {{"text", finding.place + ": " + finding.message}}},
                        {"locations", ordered_json::array({{{"physicalLocation", physical_location(report, finding)},
                                                            {"logicalLocations", logical_locations(finding.place)}}})},
                        // Names a result across versions of the file (3.27.17): offsets change more often than symbols.
                        {"partialFingerprints",
                         {{"symbolAndRule/v1", finding.place.substr(0, finding.place.rfind("+0x")) + "/" +
                                                   std::string(finding.rule->name)}}}};
    if (!steps.empty())
        result["codeFlows"] = ordered_json::array({{{"threadFlows", ordered_json::array({{{"locations", steps}}})}}});
    if (finding.suppressed)
        result["suppressions"] = ordered_json::array({{{"kind", "external"}, {"justification", *finding.suppressed}}});
    return result;
}

}  // namespace

std::string to_sarif(const Report& report, std::string_view version) {
    ordered_json driver{{"name", "gatecrash check"}, {"version", version}, {"rules", ordered_json::array()}};
    for (const auto& rule : rules()) {
        driver["rules"].push_back({{"id", rule.name},
                                   {"shortDescription", {{"text", rule.what}}},
                                   {"fullDescription", {{"text", rule.why}}},
                                   {"help", {{"text", rule.source}}},
                                   {"defaultConfiguration", {{"level", "error"}}}});
    }
    ordered_json results = ordered_json::array();
    for (const auto& finding : report.findings) results.push_back(result_of(report, finding));
    ordered_json notes = ordered_json::array();
    for (const auto& [what, reason] : report.unchecked)
        notes.push_back({{"level", "note"}, {"message", {{"text", "not checked: " + what + ": " + reason}}}});
    ordered_json invocation{{"executionSuccessful", true}, {"toolExecutionNotifications", notes}};
    const ordered_json document{
        {"$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"},
        {"version", "2.1.0"},
        {"runs",
         ordered_json::array({{{"tool", {{"driver", driver}}},
                               {"invocations", ordered_json::array({invocation})},
                               {"artifacts", ordered_json::array({{{"location", {{"uri", uri_of(report.file)}}}}})},
                               {"results", results}}})}};
    return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gatecrash::check
