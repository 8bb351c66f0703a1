#include "report/json_report.hpp"

#include <algorithm>

#include "report/sweep_json.hpp"
#include "report/text_report.hpp"

namespace gatecrash::report {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

/// Returns the first findings. A sweep without SweepOptions::max_findings can have hundreds of them.
Json found_json(const sweep::SweepResult& sweep) {
    constexpr std::size_t most = 25;
    auto list = Json::array();
    for (std::size_t i = 0; i < std::min(most, sweep.findings.size()); ++i)
        list.push_back(report::to_full_json(sweep.findings[i]));
    return list;
}

Json to_json(const suite::Result& result) {
    const auto& sweep = result.sweep;
    Json json{{"case", result.case_name},
              {"variant", result.variant},
              {"covers", result.covers},
              {"expect", text_or_null(result.expect)},
              {"verdict", to_string(result.verdict)},
              {"status", to_string(result.status)},
              {"boundaries", sweep.boundaries},
              {"schedules", sweep.schedules},
              {"pruned", sweep.pruned},
              {"depth", sweep.depth},
              {"seconds", result.seconds},
              {"spent", report::to_json(result.spent)},
              {"modelled", result.modelled},
              {"finding", sweep.findings.empty() ? Json() : report::to_json(sweep.findings.front())},
              {"findings", count_breaking(sweep)},
              {"found", found_json(sweep)},
              {"not_exhaustive", report::to_json(sweep.not_exhaustive)},
              {"stopped_after", stop_json(sweep)},
              {"skip_reason", text_or_null(result.skip_reason)},
              {"message", text_or_null(result.message)}};
    if (!result.trace.empty()) json["trace"] = result.trace;
    if (result.partial) json["partial"] = true;
    if (!result.replay_options.empty()) json["replay_options"] = result.replay_options;
    add_extremes(json, extremes_of(sweep));
    json["code"] = text_or_null(sweep.code);
    json["executed"] = report::to_json(executed_by(sweep));
    if (!sweep.shard.is_whole()) {
        json["guest"] = result.guest;
        add_parts(json, sweep);
    } else {
        add_map(json, sweep);
    }
    return json;
}

Json to_json(const MachineResults& of);

template <typename Item>
Json list_of(std::span<const Item> items) {
    auto list = Json::array();
    for (const auto& item : items) list.push_back(to_json(item));
    return list;
}

Json to_json(const MachineResults& of) {
    const bool is_used = of.missing.empty();
    Json json{{"machine", is_used ? report::to_json(of.machine) : Json{{"name", of.machine.name}}}};
    if (!is_used) json.update({{"missing", of.missing}, {"remedy", of.remedy}});
    json["results"] = list_of(std::span(of.results));
    return json;
}

/// Replaces invalid bytes: a user's path in a message may not be valid UTF-8, and must not cost the document.
std::string to_text(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json partial_json(std::span<const MissingShard> missing) {
    auto list = Json::array();
    for (const auto& [shard, reason, command] : missing) {
        list.push_back({{"shard", to_string(shard)}, {"reason", reason}, {"command", command}});
    }
    return {{"shards", missing.front().shard.count}, {"missing", std::move(list)}};
}

}  // namespace

std::string json_report(const std::string& version, const MachineDescription& machine,
                        std::span<const suite::Result> results, const ShardedWork& work) {
    Json document = {{"gatecrash", version}, {"machine", report::to_json(machine)}};
    if (!work.command.empty()) document.update({{"command", work.command}, {"sweeps", work.sweeps}});
    if (!work.missing.empty()) document["partial"] = partial_json(work.missing);
    document["results"] = list_of(results);
    return to_text(document);
}

std::string json_report(const std::string& version, std::span<const MachineResults> machines) {
    const auto& first = *std::ranges::find(machines, "", &MachineResults::missing);
    return to_text({{"gatecrash", version},
                    {"machine", report::to_json(first.machine)},
                    {"results", list_of(std::span(first.results))},
                    {"machines", list_of(machines)}});
}

}  // namespace gatecrash::report
