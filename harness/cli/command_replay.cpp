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

/// The one run as a sweep of one schedule.
explore::Result to_result(const Target& target, const explore::Schedule& schedule,
                          const explore::ReplayResult& replayed) {
    auto result = target.is_file() ? explore::Result{} : blank_result({}, target.selection, machine::cpu_vendor());
    if (target.is_file()) result.case_name = schedule.target;
    const bool breaks = !replayed.violations.empty();
    result.expect = "holds";
    result.verdict = breaks ? explore::Verdict::breaks : explore::Verdict::holds;
    result.status = breaks ? explore::Status::unexpected : explore::Status::ok;
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
        fmt::format("{}\n{} in {}\n", to_string(schedule), replayed.ending, report::counted(replayed.steps, "step"));
    for (const auto& violation : replayed.violations) {
        text += fmt::format("breaks {}: {}\n", to_string(violation.invariant), violation.message);
    }
    return replayed.violations.empty() ? text + "every invariant holds\n" : text;
}

}  // namespace

int replay_schedule(const Options& options) {
    const auto schedule = explore::parse_schedule(options.schedule);
    const auto target = find_target(schedule.target);
    check_symbols(schedule, target.image);
    Documents documents(options);
    auto local = choose_machine(options.machine, !documents.empty());
    if (!local) {
        return run_inside(options, documents,
                          target.is_file() ? std::vector{schedule.target} : std::vector<std::string>{});
    }

    TextOutput text(options);
    explore::TraceSink trace;
    if (options.trace) trace = [&text](const std::string& line) { text.print(line + "\n"); };
    const auto start = std::chrono::steady_clock::now();
    machine::Machine machine(local->system, target.image);
    const auto replayed = explore::replay(
        machine, schedule, options.stepper.value_or(machine::stepper_for(target.image, local->stepper)), trace);
    auto result = to_result(target, schedule, replayed);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

    text.print((options.trace ? "\n" : "") + report_text(schedule, replayed));
    documents.write(local->description, {&result, 1});
    if (!replayed.violations.empty()) {
        fmt::print(stderr, "gatecrash: an invariant broke{}\n",
                   options.trace ? ": the trace above shows how" : ": --trace shows how");
    }
    return static_cast<int>(report::exit_code_of({&result, 1}));
}

}  // namespace gatecrash::cli
