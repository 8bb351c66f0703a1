#include "report/shard_document.hpp"

#include <fmt/format.h>

#include "report/sweep_json.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {
namespace {

[[noreturn]] void fail(const std::string& what) { throw ShardDocumentError(what); }

std::string text_or_empty(const Json& object, const char* name) {
    return object.at(name).is_null() ? "" : text(object, name);
}

template <typename Value>
Value to_value(const std::string& name, std::initializer_list<Value> values) {
    for (const auto value : values) {
        if (to_string(value) == name) return value;
    }
    fail(fmt::format("'{}' is neither a verdict nor a status", name));
}

ShardResult to_result(const Json& object) {
    using suite::Status;
    using suite::Verdict;
    ShardResult result;
    result.case_name = text(object, "case");
    result.variant = text(object, "variant");
    (void)to_value(text(object, "verdict"), {Verdict::holds, Verdict::breaks, Verdict::skip, Verdict::error});
    const auto status = to_value(text(object, "status"),
                                 {Status::ok, Status::unexpected, Status::finding, Status::skip, Status::error});
    if (status == Status::error) result.error = text_or_empty(object, "message");
    result.guest = text(object, "guest");
    result.sweep = to_sweep(object);
    if (object.contains("replay_options"))
        result.replay_options = object.at("replay_options").get<std::vector<std::string>>();
    if (status == Status::skip && result.sweep.levels.empty() && !result.sweep.interrupted)
        result.skipped = text_or_empty(object, "skip_reason");
    result.seconds = object.at("seconds").get<double>();
    if (object.contains("spent")) result.spent = to_time_spent(object.at("spent"));
    return result;
}

}  // namespace

ShardDocument read_shard_document(const std::string& content) {
    try {
        const auto json = Json::parse(content);
        if (!json.is_object() || !json.contains("gatecrash")) fail("not a document of gatecrash");
        if (json.contains("partial")) fail("a partial result of `merge`: name the documents of its shards instead");
        if (!json.contains("command")) fail("not the document of a shard: it was made without --shard");
        ShardDocument document{.version = text(json, "gatecrash"),
                               .machine = to_machine(json.at("machine")),
                               .command = json.at("command").get<std::vector<std::string>>(),
                               .shard = {},
                               .sweeps = json.value("sweeps", json.at("results").size()),
                               .results = {}};
        for (const auto& result : json.at("results")) document.results.push_back(to_result(result));
        if (document.results.empty()) fail("it has no results");
        document.shard = document.results.front().sweep.shard;
        for (const auto& result : document.results) {
            if (result.sweep.shard != document.shard) fail("its results belong to several shards");
        }
        return document;
    } catch (const Json::exception& error) {
        fail(fmt::format("not a document of gatecrash: {}", error.what()));
    } catch (const JsonError& error) {
        fail(error.what());
    } catch (const sweep::ScheduleError& error) {
        fail(fmt::format("not a document of gatecrash: {}", error.what()));
    }
}

}  // namespace gatecrash::report
