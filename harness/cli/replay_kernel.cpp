#include "cli/replay_kernel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/replay_text.hpp"
#include "cli/saved_kernels.hpp"
#include "cli/select.hpp"
#include "cli/source_trace.hpp"
#include "kernel/loaded_kernel.hpp"
#include "report/exit_code.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {
namespace {

constexpr std::string_view target_begin = "linux/";
constexpr const char* window_option = "window";

/// Returns the number of the workload that `schedule` is for.
unsigned workload_of(const sweep::Schedule& schedule, const std::vector<kernel::WorkloadInfo>& workloads) {
    const auto name = std::string_view(schedule.target).substr(target_begin.size());
    const auto found = std::ranges::find(workloads, name, &kernel::WorkloadInfo::name);
    if (found == workloads.end())
        throw sweep::ScheduleError(fmt::format("the init program has no workload '{}'", name));
    return static_cast<unsigned>(found - workloads.begin());
}

sweep::SweepOptions sweep_options(const sweep::Schedule& schedule, const std::vector<sweep::SymbolRange>& window) {
    sweep::SweepOptions options;
    for (const auto& [event, boundary] : schedule.landings) {
        check_kernel_event(event);
        options.events.push_back(event);
    }
    // A sweep may have had windows for further kinds of events.
    std::ranges::copy_if(window, std::back_inserter(options.window), [&](const auto& range) {
        return !range.of || std::ranges::find(options.events, *range.of, &vm::Event::kind) != options.events.end();
    });
    return options;
}

/// Replays inside an emulated machine, and puts source lines into the trace outside of it, since the user's vmlinux may
/// be larger than that machine.
int trace_inside(const CommonOptions& inside, Connection connection, SourceTrace& trace) {
    const auto content = posix::memory_file("gatecrash-trace");
    (takes_standard_output(destinations_of(inside)) ? connection.err : connection.out) = content.get();
    const int code = run_inside(inside, connection);
    trace.add_text(posix::read_all(posix::reopen(content.get()).get()));
    return code;
}

/// Returns the source lines that the user's files have.
std::optional<kernel::SourceLines> source_lines(const KernelOptions& options) {
    for (const auto& file : {options.symbols, options.kernel}) {
        if (!file) continue;
        if (kernel::SourceLines lines(*file); !lines.empty()) return lines;
    }
    return std::nullopt;
}

}  // namespace

void add_kernel_replay(OptionList& options) {
    add_kernel(options);
    add_text(options, window_option, "RANGES",
             "for a schedule of `linux` with that option: where its boundaries are counted; other code runs freely");
}

KernelReplayOptions read_kernel_replay(const Values& values) {
    KernelReplayOptions options{read_kernel(values), {}, values.text_if_given(saved_kernel_option)};
    try {
        if (const auto text = values.text_if_given(window_option)) options.window = parse_kernel_window(*text);
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--window {}", error.what()));
    }
    return options;
}

bool is_for_kernel(const std::string& schedule) {
    return schedule.starts_with(target_begin) && !is_file(schedule.substr(0, schedule.rfind('@')));
}

void refuse_kernel_options(const Values& values) {
    OptionList options;
    add_kernel_replay(options);
    for (const auto& option : options.options()) {
        const auto name = option->long_name();
        if (!values.has(name.c_str())) continue;
        values.fail(fmt::format("--{} is for schedules of `linux`, which begin with {}", name, target_begin));
    }
}

int replay_on_kernel(const CommonOptions& common, const KernelReplayOptions& options, const Words& schedules,
                     bool with_trace) {
    std::vector<sweep::Schedule> parsed;
    parsed.reserve(schedules.size());
    for (const auto& text : schedules) parsed.push_back(sweep::parse_schedule(text));
    Documents documents("replay", destinations_of(common));
    auto inside = common;
    auto saved = options.saved.value_or("");
    if (!options.saved) {
        const auto ready = ready_kernel(options.kernel, common.machine);
        saved = ready.file;
        inside.machine = ready.machine;
    }
    auto local = choose_machine(inside.machine, !documents.empty());
    TextOutput text(common);
    const bool is_inside = options.saved.has_value();
    SourceTrace sources(with_trace && !is_inside ? source_lines(options.kernel) : std::nullopt,
                        [&text](const std::string& line) { text.print(line); });
    if (!local) {
        inside.words.push_back(fmt::format("--{}={}", saved_kernel_option, saved));
        const Connection connection{.inputs = {saved}, .documents = &documents};
        return with_trace ? trace_inside(inside, connection, sources) : run_inside(inside, connection);
    }
    kernel::LoadedKernel loaded(local->system, saved, options.kernel.pokes);
    sweep::TraceSink trace;
    if (with_trace) {
        trace = [&](const std::string& line) {
            if (is_inside) return text.print(line + "\n");
            sources.add(line);
        };
    }
    std::vector<suite::Result> results;
    for (const auto& schedule : parsed) {
        const auto sweep = sweep_options(schedule, options.window);
        kernel::KernelSubject subject(
            loaded.waiting(), {schedule.target, workload_of(schedule, loaded.head().workloads), options.kernel.ignored_memory},
            sweep);
        const auto replayed = subject.replay(schedule.landings, trace);
        results.push_back(suite::replayed({.case_name = schedule.target}, schedule, replayed.violations));
        text.print((with_trace ? "\n" : "") + replay_text(schedule, replayed));
        if (const auto words = subject.not_compared(); !words.empty())
            text.print(fmt::format("not compared: {}\n", fmt::join(words, ", ")));
    }
    documents.write(local->description, results);
    return static_cast<int>(report::exit_code_of(results));
}

}  // namespace gatecrash::cli
