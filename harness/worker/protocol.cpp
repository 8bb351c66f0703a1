#include "worker/protocol.hpp"

namespace gatecrash::worker {
namespace {

using report::number;
using report::text;

Json progress_json(const sweep::Progress& progress) {
    return {{"level", progress.level},         {"boundary", progress.boundary}, {"boundaries", progress.boundaries},
            {"schedules", progress.schedules}, {"findings", progress.findings}, {"block", progress.block}};
}

sweep::Progress to_progress(const Json& object) {
    return {static_cast<unsigned>(number(object, "level")),
            number(object, "boundary"),
            number(object, "boundaries"),
            number(object, "schedules"),
            number(object, "findings"),
            number(object, "block")};
}

}  // namespace

Json to_json(const Saved& saved) {
    return {{"checkpoint", report::to_json(saved.checkpoint)}, {"seconds", saved.seconds}};
}

Json to_json(const Ending& ending) {
    if (const auto* failed = std::get_if<Failed>(&ending)) {
        return {{"failed", failed->message}, {"input", failed->is_input}};
    }
    if (const auto* skipped = std::get_if<Skipped>(&ending)) return {{"skipped", skipped->reason}};
    const auto& swept = std::get<Swept>(ending);
    return {
        {"swept", report::to_json(swept.sweep)}, {"seconds", swept.seconds}, {"spent", report::to_json(swept.spent)}};
}

Saved to_saved(const Json& object) {
    return {report::to_checkpoint(object.at("checkpoint")), object.at("seconds").get<double>()};
}

Ending to_ending(const Json& object) {
    if (object.contains("failed")) return Failed{text(object, "failed"), object.at("input").get<bool>()};
    if (object.contains("skipped")) return Skipped{text(object, "skipped")};
    return Swept{report::to_sweep(object.at("swept")), object.at("seconds").get<double>(),
                 report::to_time_spent(object.at("spent"))};
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string to_line(const Message& message) {
    struct Named {
        Json operator()(const report::MachineDescription& machine) const {
            return {{"machine", report::to_json(machine)}};
        }
        Json operator()(const sweep::Progress& progress) const { return {{"progress", progress_json(progress)}}; }
        Json operator()(const Counted& counted) const { return {{"counted", counted.boundaries}}; }
        Json operator()(const Found& found) const { return {{"found", report::to_full_json(found.finding)}}; }
        Json operator()(const Saved& saved) const { return {{"saved", to_json(saved)}}; }
        Json operator()(const Ending& ending) const { return {{"ending", to_json(ending)}}; }
    };
    return dump(std::visit(Named{}, message));
}

Message read_message(std::string_view line) {
    return parsed(line, "a worker's message", [](const Json& json) -> Message {
        if (json.contains("machine")) return report::to_machine(json.at("machine"));
        if (json.contains("progress")) return to_progress(json.at("progress"));
        if (json.contains("counted")) return Counted{number(json, "counted")};
        if (json.contains("found")) return Found{report::to_finding(json.at("found"))};
        if (json.contains("saved")) return to_saved(json.at("saved"));
        return to_ending(json.at("ending"));
    });
}

}  // namespace gatecrash::worker
