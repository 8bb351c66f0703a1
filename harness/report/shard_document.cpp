#include "gatecrash/report/shard_document.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace gatecrash::report {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& what) { throw ShardDocumentError(what); }

/// A value of the type that is wanted: nlohmann would make an integer of a fraction or a negative number.
std::uint64_t number(const json& object, const char* name) {
    const auto& value = object.at(name);
    if (!value.is_number_unsigned()) fail(fmt::format("'{}' is no count", name));
    return value.get<std::uint64_t>();
}

std::string text(const json& object, const char* name) { return object.at(name).get<std::string>(); }
std::string text_or_empty(const json& object, const char* name) {
    return object.at(name).is_null() ? "" : text(object, name);
}

explore::Invariant to_invariant(const std::string& name) {
    for (unsigned i = 1; i <= 16; ++i) {
        if (const auto invariant = static_cast<explore::Invariant>(i); to_string(invariant) == name) return invariant;
    }
    fail(fmt::format("'{}' is no invariant", name));
}

template <typename Value>
Value to_value(const std::string& name, std::initializer_list<Value> values) {
    for (const auto value : values) {
        if (to_string(value) == name) return value;
    }
    fail(fmt::format("'{}' is neither a verdict nor a status", name));
}

explore::Finding to_finding(const json& object) {
    explore::Finding finding;
    finding.schedule = explore::parse_schedule(text(object, "schedule"));
    finding.violation = {to_invariant(text(object, "invariant")), text(object, "message")};
    for (const auto& name : object.at("also")) finding.also.push_back(to_invariant(name.get<std::string>()));
    finding.schedules = number(object, "schedules");
    finding.window = number(object, "window");
    finding.order = number(object, "order");
    return finding;
}

explore::SweepResult to_sweep(const json& object) {
    explore::SweepResult sweep;
    const auto shard = explore::parse_shard(text(object, "shard"));
    if (!shard) fail(fmt::format("'{}' is no shard", text(object, "shard")));
    sweep.shard = *shard;
    sweep.boundaries = number(object, "boundaries");
    sweep.interrupted = object.at("interrupted").get<bool>();
    for (const auto& level : object.at("levels")) {
        if (!sweep.findings.empty()) fail("a level behind one with findings");
        sweep.levels.push_back({number(level, "schedules"), number(level, "pruned")});
        for (const auto& finding : level.at("findings")) sweep.findings.push_back(to_finding(finding));
        sweep.schedules += sweep.levels.back().schedules;
        sweep.pruned += sweep.levels.back().pruned;
    }
    if (!sweep.levels.empty()) sweep.depth = static_cast<unsigned>(sweep.levels.size() - 1);
    if (sweep.schedules != number(object, "schedules") || sweep.pruned != number(object, "pruned") ||
        sweep.depth != number(object, "depth")) {
        fail("the levels do not add up to the counts");
    }
    return sweep;
}

explore::Result to_result(const json& object) {
    using explore::Status;
    using explore::Verdict;
    explore::Result result;
    result.case_name = text(object, "case");
    result.variant = text(object, "variant");
    result.covers = object.at("covers").get<std::vector<std::string>>();
    result.expect = text(object, "expect");
    result.verdict =
        to_value(text(object, "verdict"), {Verdict::holds, Verdict::breaks, Verdict::skip, Verdict::error});
    result.status = to_value(text(object, "status"), {Status::ok, Status::unexpected, Status::skip, Status::error});
    result.sweep = to_sweep(object);
    result.seconds = object.at("seconds").get<double>();
    result.modelled = object.at("modelled").get<bool>();
    result.message = text_or_empty(object, "message");
    result.skip_reason = text_or_empty(object, "skip_reason");
    return result;
}

MachineDescription to_machine(const json& object) {
    return {.name = text(object, "name"),
            .kvm = text(object, "kvm"),
            .cpu = text(object, "cpu"),
            .kernel = text(object, "kernel"),
            .emulated = object.at("emulated").get<bool>(),
            .behaviours = object.at("behaviours").get<std::map<std::string, bool>>()};
}

}  // namespace

ShardDocument read_shard_document(const std::string& content) {
    try {
        const auto json = json::parse(content);
        if (!json.is_object() || !json.contains("gatecrash")) fail("not a document of gatecrash");
        if (!json.contains("command")) fail("not the document of a shard: it was made without --shard");
        ShardDocument document{.version = text(json, "gatecrash"),
                               .machine = to_machine(json.at("machine")),
                               .command = json.at("command").get<std::vector<std::string>>(),
                               .shard = {},
                               .results = {}};
        for (const auto& result : json.at("results")) document.results.push_back(to_result(result));
        if (document.results.empty()) fail("it has no results");
        document.shard = document.results.front().sweep.shard;
        for (const auto& result : document.results) {
            if (result.sweep.shard != document.shard) fail("its results are of several shards");
        }
        return document;
    } catch (const json::exception& error) {
        fail(fmt::format("not a document of gatecrash: {}", error.what()));
    } catch (const explore::ScheduleError& error) {
        fail(fmt::format("not a document of gatecrash: {}", error.what()));
    }
}

}  // namespace gatecrash::report
