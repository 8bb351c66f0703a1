#include "cli/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/replay_report.hpp"
#include "cli/target.hpp"
#include "sweep/replay.hpp"

namespace gatecrash::cli {
namespace {

struct Replay {
    sweep::Schedule schedule;
    Target target;
};

std::vector<vm::Event> events_of(const sweep::Schedule& schedule) {
    std::vector<vm::Event> events;
    std::ranges::transform(schedule.landings, std::back_inserter(events), &sweep::Landing::event);
    return events;
}

suite::About about(const Target& target, const sweep::Schedule& schedule) {
    if (target.is_file()) return {.case_name = schedule.target};
    return suite::about(*target.selection.of, *target.selection.variant);
}

std::vector<Replay> replays_of(const Words& schedules) {
    std::vector<Replay> replays;
    for (const auto& text : schedules) {
        auto schedule = sweep::parse_schedule(text, address_of_symbol);
        auto target = find_target(schedule.target);
        check_symbols(schedule, target.image);
        replays.push_back({std::move(schedule), std::move(target)});
    }
    return replays;
}

int replay_on_guests(std::string_view name, const ReplayOptions& options) {
    const auto replays = replays_of(options.schedules);
    Words files;
    for (const auto& [schedule, target] : replays) {
        if (target.is_file()) files.push_back(schedule.target);
    }
    ReplayReport report(name, options);
    auto local = choose_machine(options.common.machine, !report.documents().empty());
    if (!local) return run_inside(options.common, {.inputs = files, .documents = &report.documents()});

    for (const auto& each : replays) check_that_it_lands(events_of(each.schedule), *local);
    for (const auto& [schedule, target] : replays) {
        report.trace_output().show_source_of(target.is_file() ? Words{schedule.target} : Words{});
        vm::Guest machine(local->system, target.image, local->repairs);
        const auto events = events_of(schedule);
        const auto stepper = options.common.stepper.value_or(vm::stepper_for(target.image, events, local->stepper));
        const auto replayed = sweep::replay(machine, schedule, stepper, report.sink());
        report.add(about(target, schedule), target.selection.variant, schedule, replayed);
    }
    return report.finish(local->description);
}

}  // namespace

Words ReplayOptions::for_schedules() const {
    auto words = command == ScheduleOf::guest ? Words() : options_of(kernel);
    if (common.machine != MachineName::automatic) words.insert(words.end(), {"--machine", name_of(common.machine)});
    return words;
}

std::vector<Destination> destinations_of(const ReplayOptions& options) {
    auto destinations = destinations_of(options.common, options.reports);
    if (options.trace.file) destinations.push_back({"--trace", *options.trace.file});
    return destinations;
}

ReplayOptions read_schedules(const Values& values) {
    ReplayOptions options{.common = read_common(values), .schedules = values.arguments()};
    if (std::ranges::all_of(options.schedules, &std::string::empty)) values.fail("SCHEDULE is missing");
    options.command = schedule_of(options.schedules.front());
    const bool is_one = std::ranges::all_of(
        options.schedules, [&](const auto& schedule) { return schedule_of(schedule) == options.command; });
    if (!is_one) values.fail("the schedules are for different commands: replay them one by one");
    refuse_other_options(values, options.command);
    if (options.command != ScheduleOf::guest) refuse_stepper(options.common, values);
    options.kernel = read_kernel_replay(values, options.command);
    return options;
}

int replay(std::string_view name, const ReplayOptions& options) {
    return options.command == ScheduleOf::guest ? replay_on_guests(name, options) : replay_on_kernel(name, options);
}

}  // namespace gatecrash::cli
