#include "report/sweep_json.hpp"

#include <fmt/format.h>

#include <charconv>

#include "report/map_json.hpp"

namespace gatecrash::report {
namespace {

/// Writes a list instead of an object, to be short: a sweep has one for each 16 boundaries.
Json stretch_json(const sweep::Stretch& stretch) {
    auto alike = Json::array();
    for (const auto& [finding, count] : stretch.alike) alike.push_back({finding, count});
    return Json::array({stretch.block, stretch.schedules, stretch.pruned, alike, stretch.finds});
}

/// Addresses are hexadecimal text, since many programs keep a number of JSON as a double.
std::uint64_t address(const Json& value) {
    const auto text = value.get<std::string>();
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const bool has_prefix = text.starts_with("0x");
    const auto parsed = std::from_chars(text.data() + (has_prefix ? 2 : 0), end, number, 16);
    if (!has_prefix || parsed.ec != std::errc{} || parsed.ptr != end)
        throw JsonError(fmt::format("'{}' is not an address", text));
    return number;
}

/// Writes all that a merge needs to know about a level. That includes more about each finding than people need.
Json level_json(const sweep::Level& level, std::span<const sweep::Finding> findings) {
    auto list = Json::array();
    for (const auto& finding : findings) {
        list.push_back(to_full_json(finding));
    }
    Json json{{"schedules", level.schedules}, {"pruned", level.pruned}, {"findings", list}};
    add_extremes(json, level.extremes);
    json["executed"] = report::to_json(level.executed);
    if (!level.stretches.empty()) {
        auto& stretches = json["stretches"] = Json::array();
        for (const auto& stretch : level.stretches) stretches.push_back(stretch_json(stretch));
    }
    return json;
}

/// Reads a count that is an element of a list.
std::uint64_t count(const Json& value) {
    if (!value.is_number_unsigned()) throw JsonError("a list of counts has something else in it");
    return value.get<std::uint64_t>();
}

/// Documents from before extremes were measured have none.
sweep::Extremes to_extremes(const Json& level) {
    sweep::Extremes extremes;
    if (!level.contains("stack_bytes")) return extremes;
    for (const auto& [stack, bytes] : level.at("stack_bytes").items()) extremes.stack_bytes[stack] = count(bytes);
    for (const auto& [vector, bodies] : level.at("bodies_at_once").items()) {
        std::uint32_t number = 0;
        const auto* const end = vector.data() + vector.size();
        const auto parsed = std::from_chars(vector.data(), end, number);
        if (parsed.ec != std::errc{} || parsed.ptr != end) throw JsonError(fmt::format("'{}' is not a vector", vector));
        extremes.bodies_at_once[number] = count(bodies);
    }
    return extremes;
}

/// Documents from before code was recorded have none.
vm::CodeSet executed_in(const Json& level) {
    return level.contains("executed") ? to_code_set(level.at("executed")) : vm::CodeSet();
}

sweep::Invariant to_invariant(const std::string& name) {
    if (const auto invariant = sweep::parse_invariant(name)) return *invariant;
    throw JsonError(fmt::format("'{}' is not an invariant", name));
}

std::optional<sweep::Coverage> to_coverage(const Json& object) {
    if (object.is_null()) return std::nullopt;
    return sweep::Coverage{static_cast<unsigned>(number(object, "depth")), number(object, "boundaries"),
                           number(object, "of")};
}

std::uint64_t number_or_0(const Json& object, const char* name) {
    return object.contains(name) ? number(object, name) : 0;
}

sweep::Stretch to_stretch(const Json& list) {
    sweep::Stretch stretch{.block = count(list.at(0)), .schedules = count(list.at(1)), .pruned = count(list.at(2))};
    for (const auto& alike : list.at(3)) stretch.alike[count(alike.at(0))] = count(alike.at(1));
    stretch.finds = list.at(4).get<bool>();
    return stretch;
}

/// Throws JsonError unless the stretches add up to the level, which has `findings` findings.
void check_stretches(const sweep::Level& level, std::size_t findings) {
    if (level.stretches.empty()) return;
    sweep::Level sum;
    std::size_t found = 0;
    std::uint64_t block = 0;
    for (const auto& stretch : level.stretches) {
        sum.schedules += stretch.schedules;
        sum.pruned += stretch.pruned;
        const bool is_like_nothing = !stretch.alike.empty() && stretch.alike.rbegin()->first >= found;
        if (is_like_nothing || stretch.block < block) throw JsonError("a stretch that does not follow the one before");
        found += stretch.finds ? 1 : 0;
        block = stretch.block;
    }
    if (sum.schedules != level.schedules || sum.pruned != level.pruned || found != findings) {
        throw JsonError("the stretches do not add up to their level");
    }
}

}  // namespace

Json stop_json(const sweep::SweepResult& sweep) { return sweep.stopped_after ? Json(*sweep.stopped_after) : Json(); }

Json to_full_json(const sweep::Finding& finding) {
    auto json = to_json(finding);
    json["schedules"] = finding.schedules;
    json["window"] = finding.window;
    json["order"] = finding.order;
    json["block"] = finding.block;
    if (!finding.trace.empty()) json["trace"] = finding.trace;
    return json;
}

std::uint64_t number(const Json& object, const char* name) {
    const auto& value = object.at(name);
    if (!value.is_number_unsigned()) throw JsonError(fmt::format("'{}' is not a count", name));
    return value.get<std::uint64_t>();
}

std::string text(const Json& object, const char* name) { return object.at(name).get<std::string>(); }

template <typename T>
Json by_name(const Measured<T>& measured) {
    auto json = Json::object();
    for (const auto& [behaviour, value] : measured) json[std::string(to_string(behaviour))] = value;
    return json;
}

vm::Behaviour to_behaviour(const std::string& name) {
    const auto behaviour = vm::parse_behaviour(name);
    if (!behaviour) throw JsonError(fmt::format("'{}' is not a behaviour", name));
    return *behaviour;
}

template <typename T>
Measured<T> to_measured(const Json& object) {
    Measured<T> measured;
    for (const auto& [name, value] : object.get<std::map<std::string, T>>())
        measured.emplace(to_behaviour(name), value);
    return measured;
}

std::set<vm::Behaviour, vm::ByName> to_behaviours(const Json& list) {
    std::set<vm::Behaviour, vm::ByName> behaviours;
    for (const auto& name : list) behaviours.insert(to_behaviour(name.get<std::string>()));
    return behaviours;
}

Json to_json(const MachineDescription& machine) {
    Json json{{"name", machine.name},
              {"kvm", machine.kvm},
              {"cpu", machine.cpu},
              {"kernel", machine.kernel},
              {"emulated", machine.emulated},
              {"vendor", to_string(machine.vendor)},
              {"behaviours", by_name(machine.behaviours)}};
    for (const auto behaviour : machine.as_some) json["other"].push_back(to_string(behaviour));
    if (!machine.answers.empty()) json["answers"] = by_name(machine.answers);
    return json;
}

Json to_json(const sweep::TimeSpent& spent) {
    Json json;
    for (std::size_t i = 0; i < spent.size(); ++i) json[std::string(sweep::phase_table.at(i).name)] = spent.at(i);
    return json;
}

void add_extremes(Json& json, const sweep::Extremes& extremes) {
    json["stack_bytes"] = Json::object();
    for (const auto& [stack, bytes] : extremes.stack_bytes) json["stack_bytes"][stack] = bytes;
    json["bodies_at_once"] = Json::object();
    for (const auto& [vector, bodies] : extremes.bodies_at_once)
        json["bodies_at_once"][std::to_string(vector)] = bodies;
}

Json to_json(const vm::CodeSet& code) {
    auto json = Json::array();
    for (const auto& [begin, end] : code.ends())
        json.push_back({fmt::format("{:#x}", vm::number(begin)), vm::number(end) - vm::number(begin)});
    return json;
}

vm::CodeSet to_code_set(const Json& list) {
    vm::CodeSet code;
    for (const auto& run : list) {
        const auto begin = address(run.at(0));
        const auto size = count(run.at(1));
        if (size == 0 || begin + size < begin) throw JsonError("a run of instructions has no end");
        code.add(vm::Virtual{begin}, vm::Virtual{begin + size});
    }
    return code;
}

Json to_json(const sweep::Finding& finding) {
    auto also = Json::array();
    for (const auto invariant : finding.also) also.push_back(to_string(invariant));
    return {{"invariant", to_string(finding.violation.invariant)},
            {"name", describe(finding.violation.invariant)},
            {"schedule", to_string(finding.schedule)},
            {"message", finding.violation.message},
            {"also", also}};
}

Json to_json(const std::optional<sweep::Coverage>& coverage) {
    if (!coverage) return {};
    return {{"depth", coverage->depth}, {"boundaries", coverage->boundaries}, {"of", coverage->of}};
}

void add_map(Json& json, const sweep::SweepResult& sweep) {
    if (!sweep.map.windows.empty()) json["map"] = to_json(sweep.map);
    if (!sweep.instructions.empty()) json["instructions"] = places_json(sweep.instructions);
}

void add_parts(Json& json, const sweep::SweepResult& sweep) {
    json["shard"] = to_string(sweep.shard);
    json["interrupted"] = sweep.interrupted;
    json["code"] = sweep.code.empty() ? Json() : Json(sweep.code);
    add_map(json, sweep);
    json["levels"] = Json::array();
    for (std::size_t i = 0; i < sweep.levels.size(); ++i) {
        const bool last = i + 1 == sweep.levels.size();
        json["levels"].push_back(
            level_json(sweep.levels[i], last ? std::span(sweep.findings) : std::span<const sweep::Finding>()));
    }
}

Json to_json(const sweep::SweepResult& sweep) {
    Json json{{"boundaries", sweep.boundaries},
              {"schedules", sweep.schedules},
              {"pruned", sweep.pruned},
              {"depth", sweep.depth},
              {"not_exhaustive", to_json(sweep.not_exhaustive)},
              {"stopped_after", stop_json(sweep)}};
    add_parts(json, sweep);
    return json;
}

namespace {

Json to_json(const sweep::Position& position) {
    auto events = Json::array();
    for (const auto& [boundary, event, wait] : position.events) events.push_back({boundary, event, wait});
    return {{"window", position.window}, {"events", std::move(events)}};
}

}  // namespace

Json to_json(const sweep::Checkpoint& checkpoint) {
    auto result = checkpoint.result;
    // A sweep adds these up only at its end.
    for (const auto& level : result.levels) {
        result.schedules += level.schedules;
        result.pruned += level.pruned;
    }
    return {{"result", to_json(result)},
            {"next", to_json(checkpoint.next)},
            {"broken", checkpoint.broken},
            {"block_holds", checkpoint.block_holds}};
}

sweep::TimeSpent to_time_spent(const Json& object) {
    sweep::TimeSpent spent{};
    for (std::size_t i = 0; i < spent.size(); ++i) {
        spent.at(i) = object.at(std::string(sweep::phase_table.at(i).name)).get<double>();
    }
    return spent;
}

sweep::Finding to_finding(const Json& object) {
    sweep::Finding finding;
    finding.schedule = sweep::parse_schedule(text(object, "schedule"));
    finding.violation = {to_invariant(text(object, "invariant")), text(object, "message")};
    for (const auto& name : object.at("also")) finding.also.push_back(to_invariant(name.get<std::string>()));
    finding.schedules = number(object, "schedules");
    finding.window = number(object, "window");
    finding.order = number(object, "order");
    finding.block = number_or_0(object, "block");
    finding.trace = object.value("trace", std::vector<std::string>());
    return finding;
}

MachineDescription to_machine(const Json& object) {
    const auto vendor = vm::parse_vendor(text(object, "vendor"));
    if (!vendor) throw JsonError(fmt::format("'{}' is not a vendor", text(object, "vendor")));
    return {.name = text(object, "name"),
            .kvm = text(object, "kvm"),
            .cpu = text(object, "cpu"),
            .kernel = text(object, "kernel"),
            .emulated = object.at("emulated").get<bool>(),
            .vendor = *vendor,
            .behaviours = to_measured<bool>(object.at("behaviours")),
            .as_some = to_behaviours(object.value("other", Json::array())),
            .answers = to_measured<std::string>(object.value("answers", Json::object()))};
}

sweep::SweepResult to_sweep(const Json& object) {
    sweep::SweepResult sweep;
    const auto shard = sweep::parse_shard(text(object, "shard"));
    if (!shard) throw JsonError(fmt::format("'{}' is not a shard", text(object, "shard")));
    sweep.shard = *shard;
    sweep.boundaries = number(object, "boundaries");
    sweep.interrupted = object.at("interrupted").get<bool>();
    if (object.contains("code") && !object.at("code").is_null()) sweep.code = text(object, "code");
    sweep.not_exhaustive = to_coverage(object.at("not_exhaustive"));
    if (object.contains("stopped_after") && !object.at("stopped_after").is_null()) {
        sweep.stopped_after = number(object, "stopped_after");
    }
    if (object.contains("map")) sweep.map = to_map(object.at("map"));
    if (object.contains("instructions")) sweep.instructions = to_places(object.at("instructions"));
    for (const auto& level : object.at("levels")) {
        if (!sweep.findings.empty()) throw JsonError("a level after one with findings");
        sweep.levels.push_back({.schedules = number(level, "schedules"), .pruned = number(level, "pruned")});
        sweep.levels.back().extremes = to_extremes(level);
        sweep.levels.back().executed = executed_in(level);
        for (const auto& finding : level.at("findings")) sweep.findings.push_back(to_finding(finding));
        if (level.contains("stretches")) {
            for (const auto& list : level.at("stretches")) sweep.levels.back().stretches.push_back(to_stretch(list));
            check_stretches(sweep.levels.back(), sweep.findings.size());
        }
        sweep.schedules += sweep.levels.back().schedules;
        sweep.pruned += sweep.levels.back().pruned;
    }
    if (!sweep.levels.empty()) sweep.depth = static_cast<unsigned>(sweep.levels.size() - 1);
    if (sweep.schedules != number(object, "schedules") || sweep.pruned != number(object, "pruned") ||
        sweep.depth != number(object, "depth")) {
        throw JsonError("the levels do not add up to the counts");
    }
    return sweep;
}

namespace {

sweep::Position to_position(const Json& object) {
    sweep::Position position{.window = count(object.at("window")), .events = {}};
    for (const auto& placed : object.at("events")) {
        position.events.push_back({count(placed.at(0)), count(placed.at(1)), count(placed.at(2))});
    }
    return position;
}

}  // namespace

sweep::Checkpoint to_checkpoint(const Json& object) {
    sweep::Checkpoint checkpoint;
    checkpoint.result = to_sweep(object.at("result"));
    checkpoint.result.schedules = checkpoint.result.pruned = 0;
    checkpoint.next = to_position(object.at("next"));
    checkpoint.broken = object.at("broken").get<std::vector<std::string>>();
    checkpoint.block_holds = object.at("block_holds").get<bool>();
    return checkpoint;
}

}  // namespace gatecrash::report
