#include "report/work.hpp"

#include <fmt/format.h>

#include "report/sweep_json.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::report {
namespace {

Json json_of(const Saved& saved) {
    return {{"checkpoint", report::to_json(saved.checkpoint)}, {"seconds", saved.seconds}};
}

Json json_of(const Ending& ending) {
    if (const auto* failed = std::get_if<Failed>(&ending)) {
        return {{"failed", failed->message}, {"input", failed->is_input}};
    }
    if (const auto* skipped = std::get_if<Skipped>(&ending)) return {{"skipped", skipped->reason}};
    const auto& swept = std::get<Swept>(ending);
    return {
        {"swept", report::to_json(swept.sweep)}, {"seconds", swept.seconds}, {"spent", report::to_json(swept.spent)}};
}

Json json_of(const sweep::Progress& progress) {
    return {{"level", progress.level},         {"boundary", progress.boundary}, {"boundaries", progress.boundaries},
            {"schedules", progress.schedules}, {"findings", progress.findings}, {"block", progress.block}};
}

Saved to_saved(const Json& object) {
    return {to_checkpoint(object.at("checkpoint")), object.at("seconds").get<double>()};
}

Ending to_ending(const Json& object) {
    if (object.contains("failed")) return Failed{text(object, "failed"), object.at("input").get<bool>()};
    if (object.contains("skipped")) return Skipped{text(object, "skipped")};
    return Swept{to_sweep(object.at("swept")), object.at("seconds").get<double>(), to_time_spent(object.at("spent"))};
}

sweep::Progress to_progress(const Json& object) {
    return {static_cast<unsigned>(number(object, "level")),
            number(object, "boundary"),
            number(object, "boundaries"),
            number(object, "schedules"),
            number(object, "findings"),
            number(object, "block")};
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Parses `content` and has `read` make something of it. `what` is what it should be.
template <typename Read>
auto parsed(std::string_view content, const char* what, const Read& read) {
    const auto fail = [&](const char* why) -> WorkError { return WorkError(fmt::format("not {}: {}", what, why)); };
    try {
        return read(Json::parse(content));
    } catch (const Json::exception& error) {
        throw fail(error.what());
    } catch (const JsonError& error) {
        throw fail(error.what());
    } catch (const sweep::ScheduleError& error) {
        throw fail(error.what());
    }
}

}  // namespace

std::string to_line(const Job& job) {
    Json json{{"command", job.command}, {"first", job.first}, {"saves", job.saves}, {"counts", job.counts}};
    if (job.from) json["from"] = json_of(*job.from);
    return dump(json);
}

std::string to_line(const Message& message) {
    struct Named {
        Json operator()(const MachineDescription& machine) const { return {{"machine", to_json(machine)}}; }
        Json operator()(const sweep::Progress& progress) const { return {{"progress", json_of(progress)}}; }
        Json operator()(const Counted& counted) const { return {{"counted", counted.boundaries}}; }
        Json operator()(const Found& found) const { return {{"found", to_full_json(found.finding)}}; }
        Json operator()(const Saved& saved) const { return {{"saved", json_of(saved)}}; }
        Json operator()(const Ending& ending) const { return {{"ending", json_of(ending)}}; }
    };
    return dump(std::visit(Named{}, message));
}

Job read_job(std::string_view line) {
    return parsed(line, "a worker's job", [](const Json& json) {
        Job job;
        job.command = json.at("command").get<std::vector<std::string>>();
        job.first = number(json, "first");
        job.saves = json.at("saves").get<bool>();
        job.counts = json.at("counts").get<bool>();
        if (json.contains("from")) job.from = to_saved(json.at("from"));
        return job;
    });
}

Message read_message(std::string_view line) {
    return parsed(line, "a worker's message", [](const Json& json) -> Message {
        if (json.contains("machine")) return to_machine(json.at("machine"));
        if (json.contains("progress")) return to_progress(json.at("progress"));
        if (json.contains("counted")) return Counted{number(json, "counted")};
        if (json.contains("found")) return Found{to_finding(json.at("found"))};
        if (json.contains("saved")) return to_saved(json.at("saved"));
        return to_ending(json.at("ending"));
    });
}

std::string to_text(const Journal& journal) {
    auto workers = Json::array();
    for (const auto& worker : journal.workers) {
        auto done = Json::array();
        for (const auto& ending : worker.done) done.push_back(json_of(ending));
        workers.push_back({{"done", done}, {"at", worker.at ? json_of(*worker.at) : Json()}});
    }
    return dump({{"gatecrash", journal.version},
                 {"resume", journal.command},
                 {"guests", journal.guests},
                 {"machine", to_json(journal.machine)},
                 {"workers", workers}}) +
           "\n";
}

Journal read_journal(std::string_view content) {
    return parsed(content, "a file that --resume made", [](const Json& json) {
        Journal journal;
        journal.version = text(json, "gatecrash");
        journal.command = json.at("resume").get<std::vector<std::string>>();
        journal.guests = text(json, "guests");
        journal.machine = to_machine(json.at("machine"));
        for (const auto& object : json.at("workers")) {
            auto& worker = journal.workers.emplace_back();
            for (const auto& ending : object.at("done")) worker.done.push_back(to_ending(ending));
            if (!object.at("at").is_null()) worker.at = to_saved(object.at("at"));
        }
        if (journal.workers.empty()) throw JsonError("it has no workers");
        return journal;
    });
}

}  // namespace gatecrash::report
