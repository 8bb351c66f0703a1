#include "worker/job.hpp"

#include <fmt/format.h>

#include "sweep/schedule.hpp"

namespace gatecrash::worker {
namespace {

using report::number;
using report::text;

constexpr const char *trap_flag = "trap-flag", *stop_bytes = "stop-bytes";

template <typename Number>
Json or_null(const std::optional<Number>& value) {
    return value ? Json(*value) : Json();
}

Json to_json(const KernelWorkload& kernel) {
    auto pokes = Json::array();
    for (const auto& [symbol, offset, bytes] : kernel.pokes)
        pokes.push_back({{"symbol", symbol}, {"offset", offset}, {"bytes", bytes}});
    return {{"kernel", kernel.saved}, {"target", kernel.target}, {"number", kernel.number},
            {"pokes", pokes},         {"exits", kernel.exits},   {"ignored_memory", kernel.ignored_memory}};
}

Json to_json(const ImageTarget& image) {
    const auto& [setup, window, seconds] = image.sweep;
    return {{"image", setup.file},
            {"target", image.target},
            {"command_line", setup.command_line},
            {"memory", setup.memory},
            {"description", to_text(setup.description)},
            {"window", to_string(window)},
            {"seconds", seconds}};
}

Json to_json(const Guest& guest) {
    if (const auto* file = std::get_if<GuestFile>(&guest)) return {{"file", file->path}};
    if (const auto* kernel = std::get_if<KernelWorkload>(&guest)) return to_json(*kernel);
    if (const auto* image = std::get_if<ImageTarget>(&guest)) return to_json(*image);
    const auto& [case_name, variant] = std::get<BuiltInGuest>(guest);
    return {{"case", case_name}, {"variant", variant}};
}

Json to_json(const Sweep& sweep) {
    auto events = Json::array(), watched = Json::array(), window = Json::array();
    for (const auto event : sweep.events) events.push_back(sweep::to_string(event));
    for (const auto& byte : sweep.watched) watched.push_back({{"symbol", byte.symbol}, {"offset", byte.offset}});
    for (const auto& range : sweep.window) window.push_back(to_string(range));
    Json stepper;
    if (sweep.stepper) stepper = *sweep.stepper == vm::StepperKind::trap_flag ? trap_flag : stop_bytes;
    return {{"guest", to_json(sweep.guest)},
            {"events", events},
            {"watched", watched},
            {"depth", sweep.depth},
            {"window", window},
            {"prune", sweep.prune},
            {"in_order", sweep.in_order},
            {"stepper", stepper},
            {"budget", or_null(sweep.budget)},
            {"max_findings", or_null(sweep.max_findings)},
            {"needs", vm::names_of(sweep.needs)}};
}

std::optional<std::uint64_t> number_or_none(const Json& object, const char* name) {
    return object.at(name).is_null() ? std::nullopt : std::optional(number(object, name));
}

vm::Behaviour to_behaviour(const Json& name) {
    const auto behaviour = vm::parse_behaviour(name.get<std::string>());
    if (!behaviour) throw report::JsonError(fmt::format("{} is not a behaviour", name.dump()));
    return *behaviour;
}

std::optional<vm::StepperKind> to_stepper(const Json& name) {
    if (name.is_null()) return std::nullopt;
    if (name == trap_flag) return vm::StepperKind::trap_flag;
    if (name == stop_bytes) return vm::StepperKind::stop_bytes;
    throw report::JsonError(fmt::format("{} is not a stepper", name.dump()));
}

KernelWorkload to_kernel(const Json& object) {
    KernelWorkload kernel{text(object, "kernel"), text(object, "target"),
                          static_cast<unsigned>(number(object, "number"))};
    kernel.exits = object.at("exits").get<std::vector<vm::Virtual>>();
    kernel.ignored_memory = object.at("ignored_memory").get<std::vector<std::string>>();
    for (const auto& poke : object.at("pokes")) {
        kernel.pokes.push_back(
            {text(poke, "symbol"), number(poke, "offset"), poke.at("bytes").get<std::vector<std::uint8_t>>()});
    }
    return kernel;
}

ImageTarget to_image(const Json& object) {
    return {text(object, "target"),
            {{text(object, "image"), text(object, "command_line"), number(object, "memory"),
              kernel::read_description(text(object, "description"), "a worker's job")},
             kernel::parse_window(text(object, "window")),
             static_cast<unsigned>(number(object, "seconds"))}};
}

Guest to_guest(const Json& object) {
    if (object.contains("file")) return GuestFile{text(object, "file")};
    if (object.contains("kernel")) return to_kernel(object);
    if (object.contains("image")) return to_image(object);
    return BuiltInGuest{text(object, "case"), text(object, "variant")};
}

Sweep to_sweep(const Json& object) {
    Sweep sweep{.guest = to_guest(object.at("guest")), .events = {}};
    for (const auto& event : object.at("events")) {
        for (const auto one : sweep::parse_events(event.get<std::string>())) sweep.events.push_back(one);
    }
    for (const auto& byte : object.at("watched")) {
        sweep.watched.push_back({text(byte, "symbol"), number(byte, "offset")});
    }
    sweep.depth = static_cast<unsigned>(number(object, "depth"));
    for (const auto& range : object.at("window")) {
        for (auto& one : sweep::parse_ranges(range.get<std::string>())) sweep.window.push_back(std::move(one));
    }
    sweep.prune = object.at("prune").get<bool>();
    sweep.in_order = object.at("in_order").get<bool>();
    sweep.stepper = to_stepper(object.at("stepper"));
    sweep.budget = number_or_none(object, "budget");
    sweep.max_findings = number_or_none(object, "max_findings");
    for (const auto& name : object.at("needs")) sweep.needs.push_back(to_behaviour(name));
    return sweep;
}

vm::Event watch_of(const suite::WatchedByte& byte, const vm::Image& image) {
    const auto address = image.symbols.find(byte.symbol);
    if (!address) throw vm::ImageError(fmt::format("{} has no symbol {} to watch", image.name, byte.symbol));
    return vm::Event::watch(vm::number(*address) + byte.offset);
}

}  // namespace

sweep::SweepOptions options_of(const Sweep& sweep) {
    sweep::SweepOptions options;
    options.events = sweep.events;
    options.depth = sweep.depth;
    options.prune = sweep.prune;
    options.in_order = sweep.in_order;
    options.window = sweep.window;
    options.budget = sweep.budget.value_or(0);
    options.max_findings = sweep.max_findings.value_or(0);
    return options;
}

sweep::SweepOptions options_of(const Sweep& sweep, const vm::Image& image, vm::StepperKind usual) {
    auto options = options_of(sweep);
    for (const auto& byte : sweep.watched) options.events.push_back(watch_of(byte, image));
    options.stepper = sweep.stepper.value_or(vm::stepper_for(image, options.events, usual));
    return options;
}

std::string content_of(const Sweep& sweep) {
    auto placeless = sweep;
    // Another host may have the same saved kernel in another folder.
    if (auto* kernel = std::get_if<KernelWorkload>(&placeless.guest)) kernel->saved.clear();
    return content_of(sweep.guest) + dump(to_json(placeless));
}

std::string to_line(const Job& job) {
    auto sweeps = Json::array();
    for (const auto& sweep : job.sweeps) sweeps.push_back(to_json(sweep));
    return dump({{"sweeps", sweeps},
                 {"shard", to_string(job.shard)},
                 {"first", job.first},
                 {"from", job.from ? to_json(*job.from) : Json()},
                 {"saves", job.saves},
                 {"counts", job.counts},
                 {"with_details", job.with_details}});
}

Job read_job(std::string_view line) {
    return parsed(line, "a worker's job", [](const Json& json) {
        Job job;
        for (const auto& sweep : json.at("sweeps")) job.sweeps.push_back(to_sweep(sweep));
        const auto shard = sweep::parse_shard(text(json, "shard"));
        if (!shard) throw report::JsonError(fmt::format("'{}' is not a shard", text(json, "shard")));
        job.shard = *shard;
        job.first = number(json, "first");
        if (!json.at("from").is_null()) job.from = to_saved(json.at("from"));
        job.saves = json.at("saves").get<bool>();
        job.counts = json.at("counts").get<bool>();
        job.with_details = json.at("with_details").get<bool>();
        return job;
    });
}

}  // namespace gatecrash::worker
