#include "cli/replay_kernel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/replay.hpp"
#include "cli/replay_report.hpp"
#include "cli/select.hpp"
#include "kernel/loaded_image.hpp"
#include "kernel/loaded_kernel.hpp"
#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

constexpr std::string_view target_begin = "linux/";
constexpr const char *window_option = "window", *image_option = "image";

/// Replays inside an emulated machine, and puts source lines into the trace outside of it, since the user's vmlinux may
/// be larger than that machine.
int trace_inside(const CommonOptions& inside, Connection connection, const ReplayOptions& options,
                 ReplayReport& report) {
    auto& output = report.trace_output();
    if (options.trace.file) {
        std::string trace;
        connection.texts["--trace"] = &trace;
        const int code = run_inside(inside, connection);
        output.add(trace);
        output.finish();
        return code;
    }
    const bool is_on_standard_error = takes_standard_output(destinations_of(options));
    // Standard error also has messages, so it stays where it is if nobody sees the trace.
    if (is_on_standard_error && inside.quiet) return run_inside(inside, connection);
    const auto content = posix::memory_file("gatecrash-trace");
    (is_on_standard_error ? connection.err : connection.out) = content.get();
    const int code = run_inside(inside, connection);
    output.add(posix::read_all(posix::reopen(content.get()).get()));
    return code;
}

/// Returns the files that were given.
Words given(std::initializer_list<std::optional<std::string>> files) {
    Words names;
    for (const auto& file : files) {
        if (file) names.push_back(*file);
    }
    return names;
}

/// The options that only schedules of one command have. Both have --append, --memory and --window.
void add_options_of(OptionList& options, ScheduleOf command) {
    if (command == ScheduleOf::linux) add_linux_kernel(options);
    if (command == ScheduleOf::kernel) {
        add_text(options, image_option, "FILE", "for schedules of `kernel`: the image");
        add_image(options);
    }
}

/// Replays one schedule.
void replay_one(kernel::KernelSubject& subject, const sweep::Schedule& schedule, ReplayReport& report) {
    const auto replayed = subject.replay(schedule.landings, report.sink());
    report.add({.case_name = schedule.target}, nullptr, schedule, replayed);
    if (const auto words = subject.not_compared(); !words.empty())
        report.text().print(fmt::format("not compared: {}\n", fmt::join(words, ", ")));
}

int replay_on_linux(std::string_view name, const ReplayOptions& options,
                    const std::vector<sweep::Schedule>& schedules) {
    const auto& kernel = options.kernel.kernel;
    const bool is_inside = options.kernel.place.has_value(), is_traced = options.trace.is_wanted;
    ReplayReport report(name, options, is_inside ? TraceOutput::Sources::left_to_caller : TraceOutput::Sources::shown);
    auto inside = options.common;
    auto place = options.kernel.place.value_or(KernelPlace{});
    if (!is_inside) {
        const auto ready = ready_kernel(kernel, options.common.machine);
        place = ready.place;
        inside.machine = ready.machine;
        if (is_traced) report.trace_output().show_source_of(given({kernel.symbols, kernel.kernel}));
    }
    auto local = choose_machine(inside.machine, !report.documents().empty());
    if (!local) {
        const auto words = words_of(place);
        inside.words.insert(inside.words.end(), words.begin(), words.end());
        // The program inside writes to this one, and does not know that there is a terminal.
        if (options.trace.is_printed() && !options.trace.limit)
            add_limit(inside.words, limit_for(report.text().is_terminal()));
        const Connection connection{.inputs = {place.file}, .documents = &report.documents()};
        return is_traced ? trace_inside(inside, connection, options, report) : run_inside(inside, connection);
    }
    kernel::LoadedKernel loaded(local->system, place.file, kernel.pokes, place.exits);
    for (const auto& schedule : schedules) {
        const auto sweep = sweep_options(schedule, options.kernel.window);
        kernel::KernelSubject subject(
            loaded.waiting(), {schedule.target, workload_of(schedule, loaded.head().workloads), kernel.ignored_memory},
            sweep);
        replay_one(subject, schedule, report);
    }
    return report.finish(local->description);
}

int replay_on_image(std::string_view name, const ReplayOptions& options,
                    const std::vector<sweep::Schedule>& schedules) {
    const auto& image_options = *options.kernel.image;
    const auto& window = *options.kernel.image_window;
    const auto& setup = image_options.setup;
    (void)find_places(kernel::read_image_file(setup.file), setup.description, window);
    ReplayReport report(name, options);
    auto local = choose_machine(options.common.machine, !report.documents().empty());
    if (!local)
        return run_inside(options.common, {.inputs = files_of(image_options), .documents = &report.documents()});
    if (options.trace.is_wanted) report.trace_output().show_source_of({setup.file});
    for (const auto& schedule : schedules) {
        const auto sweep = sweep_options(schedule, {});
        kernel::LoadedImage image(local->system, {setup, window, image_options.seconds}, sweep.events);
        kernel::KernelSubject subject(image.waiting(), schedule.target, image.window(), sweep);
        replay_one(subject, schedule, report);
    }
    return report.finish(local->description);
}

}  // namespace

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

ScheduleOf schedule_of(const std::string& schedule) {
    if (is_file(schedule.substr(0, schedule.rfind('@')))) return ScheduleOf::guest;
    if (schedule.starts_with(target_begin)) return ScheduleOf::linux;
    return schedule.starts_with(image_target_begin) ? ScheduleOf::kernel : ScheduleOf::guest;
}

void add_kernel_replay(OptionList& options) {
    add_boot(options);
    add_options_of(options, ScheduleOf::linux);
    add_options_of(options, ScheduleOf::kernel);
    add_text(
        options, window_option, "RANGES",
        "for a schedule of `linux` with that option: where its boundaries are counted; other code runs freely. For "
        "a schedule of `kernel`: its window, FROM..TO");
}

KernelReplayOptions read_kernel_replay(const Values& values, ScheduleOf command) {
    KernelReplayOptions options{.kernel = read_kernel(values), .place = read_place(values)};
    if (command == ScheduleOf::kernel) {
        const auto file = values.file_if_given(image_option);
        options.image_window = read_image_window(values);
        if (!file || !options.image_window)
            values.fail("a schedule of `kernel` needs --image FILE and --window FROM..TO");
        options.image = read_image(values, *file);
        return options;
    }
    try {
        if (const auto text = values.text_if_given(window_option)) options.window = parse_kernel_window(*text);
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--window {}", error.what()));
    }
    return options;
}

Words options_of(const KernelReplayOptions& options) {
    if (!options.image) {
        auto words = words_of(options.kernel);
        if (!options.window.empty()) words.insert(words.end(), {"--window", joined(options.window)});
        return words;
    }
    return replay_options(*options.image, *options.image_window);
}

void refuse_other_options(const Values& values, ScheduleOf command) {
    struct Group {
        ScheduleOf of;
        std::string_view name, targets;
    };
    for (const auto& [of, name, targets] :
         {Group{ScheduleOf::linux, "linux", target_begin}, Group{ScheduleOf::kernel, "kernel", image_target_begin}}) {
        OptionList options;
        if (of != command) add_options_of(options, of);
        if (command == ScheduleOf::guest && of == ScheduleOf::linux) {
            add_boot(options);
            add_text(options, window_option, "RANGES", "");
        }
        if (const auto given = values.given_of(options))
            values.fail(fmt::format("--{} is for schedules of `{}`, which begin with {}", *given, name, targets));
    }
}

int replay_on_kernel(std::string_view name, const ReplayOptions& options) {
    std::vector<sweep::Schedule> parsed;
    parsed.reserve(options.schedules.size());
    for (const auto& text : options.schedules) parsed.push_back(sweep::parse_schedule(text));
    return options.kernel.image ? replay_on_image(name, options, parsed) : replay_on_linux(name, options, parsed);
}

}  // namespace gatecrash::cli
