#include "report/junit_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "report/text_report.hpp"

namespace gatecrash::report {
namespace {

using suite::Status;

/// True if a code point is what XML 1.0 calls a Char (section 2.2).
bool is_xml_character(std::uint32_t point) {
    if (point < 0x20) return point == '\t' || point == '\n' || point == '\r';
    return point != 0xfffe && point != 0xffff;
}

/// Replaces what XML cannot contain at all. pugixml escapes the characters that have a meaning in XML, but leaves this
/// to its caller.
std::string xml_text(const std::string& text) {
    using Utf8 = boost::locale::utf::utf_traits<char>;
    constexpr boost::locale::utf::code_point replacement = 0xfffd;
    std::string valid;
    for (auto at = text.begin(); at != text.end();) {
        const auto first = at;
        auto point = Utf8::decode(at, text.end());
        if (!boost::locale::utf::is_valid_codepoint(point)) {
            at = first + 1;  // replaces one byte, since nobody knows what the next ones belong to
            point = replacement;
        }
        Utf8::encode(is_xml_character(point) ? point : replacement, std::back_inserter(valid));
    }
    return valid;
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name) = xml_text(value).c_str();
}

void set_totals(pugi::xml_node node, std::span<const suite::Result> results) {
    double seconds = 0;
    for (const auto& result : results) seconds += result.seconds;
    const auto count = [&](Status status) {
        return static_cast<std::size_t>(std::ranges::count(results, status, &suite::Result::status));
    };
    node.append_attribute("tests") = results.size();
    node.append_attribute("failures") = count(Status::unexpected) + count(Status::finding);
    node.append_attribute("errors") = count(Status::error);
    // The schema has no number of skipped tests for all suites together.
    if (std::string_view(node.name()) == "testsuite") node.append_attribute("skipped") = count(Status::skip);
    set(node, "time", fmt::format("{:.3f}", seconds));
}

void add_properties(pugi::xml_node suite, const std::string& version, const MachineDescription& machine) {
    auto properties = suite.append_child("properties");
    const auto add = [&](const std::string& name, const std::string& value) {
        auto property = properties.append_child("property");
        set(property, "name", name);
        set(property, "value", value);
    };
    add("gatecrash", version);
    add("machine", machine.name);
    add("kvm", machine.kvm);
    add("cpu", machine.cpu);
    add("kernel", machine.kernel);
    add("emulated", machine.emulated ? "true" : "false");
    for (const auto& [behaviour, ok] : machine.behaviours) {
        add(fmt::format("behaviour.{}", to_string(behaviour)), ok ? "true" : "false");
    }
}

void add_failure(pugi::xml_node test, const suite::Result& result) {
    auto failure = test.append_child("failure");
    if (result.sweep.findings.empty()) {
        set(failure, "message", fmt::format("expected: {}; {}", result.expect, first_line(result.message)));
        set(failure, "type", to_string(result.verdict));
    } else {
        const auto& finding = result.sweep.findings.front();
        set(failure, "message", headline(finding));
        set(failure, "type", to_string(finding.violation.invariant));
    }
    failure.text() = xml_text(fmt::format("{}", fmt::join(detail_lines(result), "\n"))).c_str();
}

void add_test(pugi::xml_node suite, const suite::Result& result) {
    auto test = suite.append_child("testcase");
    set(test, "classname", result.case_name);
    set(test, "name", result.variant.empty() ? result.case_name : result.variant);
    set(test, "time", fmt::format("{:.3f}", result.seconds));
    switch (result.status) {
        case Status::ok:
            break;
        case Status::unexpected:
        case Status::finding:
            add_failure(test, result);
            break;
        case Status::skip:
            set(test.append_child("skipped"), "message", result.skip_reason);
            break;
        case Status::error: {
            auto error = test.append_child("error");
            set(error, "message", first_line(result.message));
            set(error, "type", "error");
            error.text() = xml_text(result.message).c_str();  // includes the dump
            break;
        }
    }
}

}  // namespace

std::string junit_report(const std::string& version, const MachineDescription& machine,
                         std::span<const suite::Result> results) {
    pugi::xml_document document;
    auto suites = document.append_child("testsuites");
    set(suites, "name", "gatecrash");
    set_totals(suites, results);
    for (auto rest = results; !rest.empty();) {
        const auto& name = rest.front().case_name;
        const auto other = std::ranges::find_if(rest, [&](const auto& result) { return result.case_name != name; });
        const auto of_case = rest.first(static_cast<std::size_t>(other - rest.begin()));
        rest = rest.subspan(of_case.size());
        auto suite = suites.append_child("testsuite");
        set(suite, "name", name);
        set_totals(suite, of_case);
        add_properties(suite, version, machine);
        for (const auto& result : of_case) add_test(suite, result);
    }
    std::ostringstream text;
    document.save(text, "  ", pugi::format_default, pugi::encoding_utf8);
    return text.str();
}

}  // namespace gatecrash::report
