#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/commands.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/replay_kernel.hpp"
#include "cli/replay_text.hpp"
#include "cli/target.hpp"
#include "kernel/kernel_trace.hpp"
#include "report/exit_code.hpp"
#include "report/text_report.hpp"
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

struct ReplayOptions {
    CommonOptions common;
    ReportOptions reports;  ///< only --html
    Words schedules;
    bool trace = false;
    ScheduleOf command = ScheduleOf::guest;  ///< all schedules are of this command
    KernelReplayOptions kernel{};
};

void add_replay(OptionList& options) {
    add_kernel_replay(options);
    add_flag(options, "trace", "print each instruction, with its disassembly, the stack and the events");
    add_html(options);
}

ReplayOptions read_replay(const Values& values) {
    ReplayOptions options{.common = read_common(values),
                          .reports = {.html = values.text_if_given("html")},
                          .schedules = values.arguments(),
                          .trace = values.is_set("trace")};
    values.check(destinations_of(options.common, options.reports));
    if (std::ranges::all_of(options.schedules, &std::string::empty)) values.fail("SCHEDULE is missing");
    options.command = schedule_of(options.schedules.front());
    const bool is_one = std::ranges::all_of(
        options.schedules, [&](const auto& schedule) { return schedule_of(schedule) == options.command; });
    if (!is_one) values.fail("some schedules are for a kernel, and some are not: replay them one by one");
    refuse_other_options(values, options.command);
    if (options.command != ScheduleOf::guest) refuse_stepper(options.common, values);
    options.kernel = read_kernel_replay(values, options.command);
    return options;
}

int replay(const ReplayOptions& options) {
    if (options.command != ScheduleOf::guest)
        return replay_on_kernel(options.common, options.reports, options.kernel, options.schedules, options.trace);
    std::vector<Replay> replays;
    std::vector<std::string> files;
    for (const auto& text : options.schedules) {
        auto schedule = sweep::parse_schedule(text, address_of_symbol);
        auto target = find_target(schedule.target);
        check_symbols(schedule, target.image);
        if (target.is_file()) files.push_back(schedule.target);
        replays.push_back({std::move(schedule), std::move(target)});
    }
    const auto destinations = destinations_of(options.common, options.reports);
    Documents documents(replay_command.name, destinations);
    auto local = choose_machine(options.common.machine, !documents.empty());
    if (!local) return run_inside(options.common, {.inputs = files, .documents = &documents});

    for (const auto& each : replays) check_that_it_lands(events_of(each.schedule), *local);
    TextOutput text(destinations, options.common.quiet);
    Tracing tracing(options.trace, options.reports.html.has_value(),
                    [&text](const std::string& line) { text.print(line + "\n"); });
    std::vector<suite::Result> results;
    for (const auto& [schedule, target] : replays) {
        if (!results.empty()) text.print("\n");
        const auto start = std::chrono::steady_clock::now();
        vm::Guest machine(local->system, target.image, local->repairs);
        const auto events = events_of(schedule);
        const auto stepper = options.common.stepper.value_or(vm::stepper_for(target.image, events, local->stepper));
        const auto replayed = sweep::replay(machine, schedule, stepper, tracing.sink());
        results.push_back(suite::replayed(about(target, schedule), schedule, replayed.violations));
        results.back().trace = tracing.take();
        results.back().seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        text.print((options.trace ? "\n" : "") + replay_text(schedule, replayed));
    }

    documents.write(local->description, results);
    if (const auto breaking = std::ranges::count(results, suite::Verdict::breaks, &suite::Result::verdict)) {
        const auto first = std::ranges::find(results, suite::Verdict::breaks, &suite::Result::verdict);
        fmt::print(stderr, "gatecrash: an invariant broke{}{}; `gatecrash explain {}` says which rule that is\n",
                   results.size() == 1 ? "" : fmt::format(" in {} of {} schedules", breaking, results.size()),
                   options.trace ? ": the trace above shows how" : ": --trace shows how",
                   to_string(first->sweep.findings.front().violation.invariant));
    }
    return static_cast<int>(report::exit_code_of(results));
}

}  // namespace

sweep::TraceSink Tracing::sink() {
    if (!is_printed_ && !is_kept_) return {};
    return [this](const std::string& line) {
        if (is_printed_) print_(line);
        if (is_kept_ && !kernel::address_in(line)) kept_.add(line);
    };
}

std::string replay_text(const sweep::Schedule& schedule, const sweep::ReplayResult& replayed) {
    auto text =
        fmt::format("{}\n{} after {}\n", to_string(schedule), replayed.ending, report::counted(replayed.steps, "step"));
    for (const auto& violation : replayed.violations) {
        text += fmt::format("breaks {}\n", describe(violation));
    }
    return replayed.violations.empty() ? text + "every invariant holds\n" : text;
}

const Command replay_command{
    .name = "replay",
    .arguments = " SCHEDULE...",
    .summary = "run one schedule step by step, or several one after another",
    .about =
        "A SCHEDULE is TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...], as `run` and `explore` print it. The exit\n"
        "code is 1 if an invariant breaks.\n",
    .examples =
        "  gatecrash replay 'nested-nmi/flag-only@nmi:nmi_iret'\n"
        "  gatecrash replay 'nested-nmi/linus-2010-irq@irq:nmi_iret,nmi:entry_irq_stubs' --trace\n"
        "  gatecrash replay --append pti=on 'linux/getpid@nmi:entry_SYSCALL_64' --trace\n",
    .add_options = add_replay,
    .prepare = prepare<read_replay, replay>,
    .known_arguments = beginnings_of_schedules};

}  // namespace gatecrash::cli
