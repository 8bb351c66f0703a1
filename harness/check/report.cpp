#include "check/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "kernel/source_lines.hpp"
#include "vm/disassembly.hpp"

namespace gatecrash::check {
namespace {

/// Returns the instruction with names in place of addresses that the file has.
std::string disassembled(const CodeFile& file, std::uint64_t address) {
    const auto code = file.at(address, vm::Instruction::max_length);
    if (code.empty()) return {};
    auto text =
        vm::disassemble(code, vm::Virtual{address}, file.bits == 64 ? vm::CodeSize::bits64 : vm::CodeSize::bits32);
    const auto begin = text.find("0x");
    if (begin == std::string::npos) return text;
    std::uint64_t number = 0;
    const auto* const first = text.data() + begin + 2;
    const auto* const end = std::from_chars(first, text.data() + text.size(), number, 16).ptr;
    const auto named = file.range_of(number) != nullptr || file.symbol_at(number) != nullptr;
    constexpr std::uint64_t lowest_address = 0x10000;  // smaller numbers are constants
    if (named && number >= lowest_address)
        text.replace(begin, static_cast<std::size_t>(end - first) + 2, file.name_of(number));
    return text;
}

std::vector<std::string> named_path(const CodeFile& file, const Path& path) {
    std::vector<std::string> names;
    for (const auto place : path.places) {
        names.push_back(file.name_of(place));
        if (names.size() == 1 && path.left_out != 0) names.push_back(fmt::format("({} more)", path.left_out));
    }
    return names;
}

nlohmann::ordered_json json_of(const NamedFinding& finding) {
    nlohmann::ordered_json json{{"rule", finding.rule->name},         {"symbol", finding.place},
                                {"message", finding.message},         {"path", finding.path},
                                {"instruction", finding.instruction}, {"source", nullptr}};
    if (finding.source) json["source"] = *finding.source;
    if (finding.evidence) json["runs"] = to_string(*finding.evidence);
    if (finding.suppressed) json["reason"] = *finding.suppressed;
    return json;
}

Report::Reach reach_of(const CodeFile& file, const std::vector<std::uint64_t>& instructions, const RunRecord& runs) {
    Report::Reach reach{.results = runs.results, .reached = instructions.size(), .unreached = {}};
    for (const auto& [address, count] : unreached_of(instructions, file, runs)) {
        reach.reached -= count;
        reach.unreached.push_back({file.name_of(address), count});
    }
    return reach;
}

std::string text_of(const Report::Reach& reach, std::uint64_t instructions) {
    auto text = fmt::format("{} of {} instructions were reached by {} sweep{}\n", reach.reached, instructions,
                            reach.results, reach.results == 1 ? "" : "s");
    for (const auto& [place, count] : reach.unreached)
        text += fmt::format("    not reached: {}, {} instruction{}\n", place, count, count == 1 ? "" : "s");
    return text;
}

nlohmann::ordered_json json_of(const Report::Reach& reach) {
    auto unreached = nlohmann::ordered_json::array();
    for (const auto& [place, count] : reach.unreached)
        unreached.push_back({{"symbol", place}, {"instructions", count}});
    return {{"results", reach.results}, {"reached", reach.reached}, {"not_reached", unreached}};
}

/// Names in a file may be no UTF-8.
std::string dump(const nlohmann::ordered_json& document) {
    return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::size_t Report::open() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(findings, [](const NamedFinding& each) { return !each.suppressed; }));
}

Report make_report(const CodeFile& file, const std::string& path, CheckResult result,
                   const std::vector<Suppression>& suppressions, const RunRecord* runs) {
    Report report{.file = path,
                  .is_linked = file.is_linked,
                  .sections = std::move(result.sections),
                  .instructions = result.instructions.size(),
                  .findings = {},
                  .unchecked = std::move(result.unchecked),
                  .unused = {}};
    if (runs != nullptr) report.reach = reach_of(file, result.instructions, *runs);
    std::optional<kernel::SourceLines> lines;
    if (!result.findings.empty()) {
        if (file.is_linked) {
            lines.emplace(path);  // the content may be unpacked
        } else {
            lines.emplace(file.content);
        }
    }
    std::vector<bool> used(suppressions.size());
    for (auto& finding : result.findings) {
        NamedFinding named{.rule = &text_of(finding.rule),
                           .place = file.name_of(finding.address),
                           .address = finding.address,
                           .message = std::move(finding.message),
                           .path = {},
                           .instruction = disassembled(file, finding.address),
                           .source = lines ? lines->at(vm::Virtual{finding.address}) : std::nullopt,
                           .suppressed = {}};
        if (runs != nullptr) named.evidence = evidence_for(finding, file, *runs);
        named.path = named_path(file, finding.path);
        for (std::size_t i = 0; i < suppressions.size(); ++i) {
            if (!is_about(suppressions[i], finding.rule, named.place)) continue;
            used[i] = true;
            if (!named.suppressed) named.suppressed = suppressions[i].reason;
        }
        report.findings.push_back(std::move(named));
    }
    for (std::size_t i = 0; i < suppressions.size(); ++i) {
        if (!used[i]) report.unused.push_back(suppressions[i]);
    }
    return report;
}

std::string to_text(const Report& report) {
    std::string text;
    for (const auto& finding : report.findings) {
        if (finding.suppressed) continue;
        text += fmt::format("{}: {}: {}\n", finding.place, finding.rule->name, finding.message);
        if (!finding.instruction.empty()) text += fmt::format("    {}\n", finding.instruction);
        if (finding.source) text += fmt::format("    at {}\n", *finding.source);
        if (finding.evidence) text += fmt::format("    by runs: {}\n", to_string(*finding.evidence));
        if (finding.path.size() > 1) text += fmt::format("    path: {}\n", fmt::join(finding.path, " > "));
    }
    for (const auto& suppression : report.unused) {
        text += fmt::format("line {} of the suppressions is unused: no {} at {}\n", suppression.line,
                            text_of(suppression.rule).name, suppression.symbol);
    }
    for (const auto& [what, reason] : report.unchecked) text += fmt::format("not checked: {}: {}\n", what, reason);
    std::uint64_t bytes = 0;
    std::vector<std::string> names;
    for (const auto& section : report.sections) {
        bytes += section.bytes;
        if (std::ranges::find(names, section.name) == names.end()) names.push_back(section.name);
    }
    const auto open = report.open(), suppressed = report.findings.size() - open;
    text += fmt::format("{}: {} finding{}", report.file, open, open == 1 ? "" : "s");
    if (suppressed != 0) text += fmt::format(", {} suppressed", suppressed);
    text += fmt::format(" in {} instructions of {} ({} bytes)\n", report.instructions, fmt::join(names, ", "), bytes);
    return report.reach ? text + text_of(*report.reach, report.instructions) : text;
}

std::string to_json(const Report& report, std::string_view version) {
    using nlohmann::ordered_json;
    ordered_json document{{"gatecrash", version},
                          {"file", report.file},
                          {"sections", ordered_json::array()},
                          {"instructions", report.instructions}};
    for (const auto& section : report.sections)
        document["sections"].push_back({{"name", section.name}, {"bytes", section.bytes}});
    for (const auto* const name : {"results", "suppressed", "unused_suppressions", "not_checked"})
        document[name] = ordered_json::array();
    for (const auto& finding : report.findings)
        document[finding.suppressed ? "suppressed" : "results"].push_back(json_of(finding));
    for (const auto& each : report.unused) {
        document["unused_suppressions"].push_back(
            {{"line", each.line}, {"rule", text_of(each.rule).name}, {"symbol", each.symbol}});
    }
    for (const auto& [what, reason] : report.unchecked)
        document["not_checked"].push_back({{"what", what}, {"reason", reason}});
    if (report.reach) document["runs"] = json_of(*report.reach);
    return dump(document);
}

}  // namespace gatecrash::check
