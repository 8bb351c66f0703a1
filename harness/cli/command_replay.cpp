#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "commands.hpp"
#include "gatecrash/explore/replay.hpp"
#include "gatecrash/report/exit_code.hpp"
#include "gatecrash/report/text_report.hpp"
#include "inside.hpp"
#include "machine_choice.hpp"
#include "output.hpp"
#include "sweeping.hpp"

namespace gatecrash::cli {
namespace {

struct Replay {
    explore::Schedule schedule;
    Target target;
};

std::vector<machine::Event> events_of(const explore::Schedule& schedule) {
    std::vector<machine::Event> events;
    std::ranges::transform(schedule.landings, std::back_inserter(events), &explore::Landing::event);
    return events;
}

/// The one run as a sweep of one schedule.
explore::Result to_result(const Target& target, const explore::Schedule& schedule,
                          const explore::ReplayResult& replayed) {
    auto result = target.is_file() ? explore::Result{} : blank_result({}, target.selection, machine::cpu_vendor());
    if (target.is_file()) result.case_name = schedule.target;
    const bool breaks = !replayed.violations.empty();
    result.expect.clear();
    result.verdict = breaks ? explore::Verdict::breaks : explore::Verdict::holds;
    result.status = breaks ? explore::Status::finding : explore::Status::ok;
    result.sweep.schedules = 1;
    result.sweep.depth = static_cast<unsigned>(schedule.landings.size());
    if (breaks) {
        explore::Finding finding{schedule, replayed.violations.front(), {}, {}};
        for (const auto& violation : replayed.violations) {
            const auto known = violation.invariant == finding.violation.invariant ||
                               std::ranges::find(finding.also, violation.invariant) != finding.also.end();
            if (!known) finding.also.push_back(violation.invariant);
        }
        result.sweep.findings.push_back(std::move(finding));
    }
    return result;
}

std::string report_text(const explore::Schedule& schedule, const explore::ReplayResult& replayed) {
    auto text =
        fmt::format("{}\n{} after {}\n", to_string(schedule), replayed.ending, report::counted(replayed.steps, "step"));
    for (const auto& violation : replayed.violations) {
        text += fmt::format("breaks {}: {}\n", to_string(violation.invariant), violation.message);
    }
    return replayed.violations.empty() ? text + "every invariant holds\n" : text;
}

}  // namespace

int replay_schedules(const Options& options) {
    std::vector<Replay> replays;
    std::vector<std::string> files;
    for (const auto& text : options.schedules) {
        auto schedule = explore::parse_schedule(text, address_of_symbol);
        auto target = find_target(schedule.target);
        check_symbols(schedule, target.image);
        if (target.is_file()) files.push_back(schedule.target);
        replays.push_back({std::move(schedule), std::move(target)});
    }
    Documents documents(options);
    auto local = choose_machine(options.machine, !documents.empty());
    if (!local) return run_inside(options, documents, files);

    for (const auto& each : replays) check_that_it_lands(events_of(each.schedule), *local);
    TextOutput text(options);
    explore::TraceSink trace;
    if (options.trace) trace = [&text](const std::string& line) { text.print(line + "\n"); };
    std::vector<explore::Result> results;
    for (const auto& [schedule, target] : replays) {
        if (!results.empty()) text.print("\n");
        const auto start = std::chrono::steady_clock::now();
        machine::Machine machine(local->system, target.image);
        const auto events = events_of(schedule);
        const auto stepper = options.stepper.value_or(machine::stepper_for(target.image, events, local->stepper));
        const auto replayed = explore::replay(machine, schedule, stepper, trace);
        results.push_back(to_result(target, schedule, replayed));
        results.back().seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        text.print((options.trace ? "\n" : "") + report_text(schedule, replayed));
    }

    documents.write(local->description, results);
    if (const auto breaking = std::ranges::count(results, explore::Verdict::breaks, &explore::Result::verdict)) {
        fmt::print(stderr, "gatecrash: an invariant broke{}{}\n",
                   results.size() == 1 ? "" : fmt::format(" in {} of {} schedules", breaking, results.size()),
                   options.trace ? ": the trace above shows how" : ": --trace shows how");
    }
    return static_cast<int>(report::exit_code_of(results));
}

}  // namespace gatecrash::cli
