#include "gatecrash/report/json_report.hpp"

#include <nlohmann/json.hpp>

#include "gatecrash/report/text_report.hpp"

namespace gatecrash::report {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const MachineDescription& machine) {
    auto behaviours = Json::object();
    for (const auto& [name, is_as_on_silicon] : machine.behaviours) behaviours[name] = is_as_on_silicon;
    return {{"name", machine.name},     {"kvm", machine.kvm},           {"cpu", machine.cpu},
            {"kernel", machine.kernel}, {"emulated", machine.emulated}, {"behaviours", behaviours}};
}

Json to_json(const explore::Finding& finding) {
    auto also = Json::array();
    for (const auto invariant : finding.also) also.push_back(to_string(invariant));
    return {{"invariant", to_string(finding.violation.invariant)},
            {"schedule", to_string(finding.schedule)},
            {"message", finding.violation.message},
            {"also", also}};
}

/// All that a merge needs of a level, and so more of each finding.
Json to_json(const explore::Level& level, std::span<const explore::Finding> findings) {
    auto list = Json::array();
    for (const auto& finding : findings) {
        auto item = to_json(finding);
        item["schedules"] = finding.schedules;
        item["window"] = finding.window;
        item["order"] = finding.order;
        list.push_back(item);
    }
    return {{"schedules", level.schedules}, {"pruned", level.pruned}, {"findings", list}};
}

void add_shard(Json& json, const explore::SweepResult& sweep) {
    json["shard"] = to_string(sweep.shard);
    json["interrupted"] = sweep.interrupted;
    json["levels"] = Json::array();
    for (std::size_t i = 0; i < sweep.levels.size(); ++i) {
        const bool last = i + 1 == sweep.levels.size();
        json["levels"].push_back(
            to_json(sweep.levels[i], last ? std::span(sweep.findings) : std::span<const explore::Finding>()));
    }
}

Json to_json(const explore::Result& result) {
    const auto& sweep = result.sweep;
    Json json{{"case", result.case_name},
              {"variant", result.variant},
              {"covers", result.covers},
              {"expect", result.expect},
              {"verdict", to_string(result.verdict)},
              {"status", to_string(result.status)},
              {"boundaries", sweep.boundaries},
              {"schedules", sweep.schedules},
              {"pruned", sweep.pruned},
              {"depth", sweep.depth},
              {"seconds", result.seconds},
              {"modelled", result.modelled},
              {"finding", sweep.findings.empty() ? Json() : to_json(sweep.findings.front())},
              {"findings", count_breaking(sweep)},
              {"skip_reason", text_or_null(result.skip_reason)},
              {"message", text_or_null(result.message)}};
    if (!sweep.shard.is_whole()) add_shard(json, sweep);
    return json;
}

Json to_json(const bench::Figure& figure) {
    return {{"name", figure.name}, {"unit", figure.unit}, {"median", figure.median}, {"min", figure.min},
            {"p99", figure.p99},   {"runs", figure.runs}, {"valid", figure.valid},   {"note", figure.note}};
}

template <typename Item>
std::string document(const std::string& version, const MachineDescription& machine, std::span<const Item> results,
                     const std::vector<std::string>& command = {}) {
    auto list = Json::array();
    for (const auto& result : results) list.push_back(to_json(result));
    Json document = {{"gatecrash", version}, {"machine", to_json(machine)}};
    if (!command.empty()) document["command"] = command;
    document["results"] = list;
    // A path of the user's in a message may be no UTF-8: then the document has a replacement character, not nothing.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string json_report(const std::string& version, const MachineDescription& machine,
                        std::span<const explore::Result> results, const std::vector<std::string>& command) {
    return document(version, machine, results, command);
}

std::string bench_report(const std::string& version, const MachineDescription& machine,
                         std::span<const bench::Figure> figures) {
    return document(version, machine, figures);
}

}  // namespace gatecrash::report
