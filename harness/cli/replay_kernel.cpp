#include "cli/replay_kernel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/replay_text.hpp"
#include "cli/saved_kernels.hpp"
#include "cli/select.hpp"
#include "cli/source_trace.hpp"
#include "kernel/loaded_image.hpp"
#include "kernel/loaded_kernel.hpp"
#include "posix/file.hpp"
#include "report/exit_code.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {
namespace {

constexpr std::string_view target_begin = "linux/";
constexpr const char *window_option = "window", *image_option = "image";

/// Replays inside an emulated machine, and puts source lines into the trace outside of it, since the user's vmlinux may
/// be larger than that machine.
int trace_inside(const CommonOptions& inside, Connection connection, bool is_on_standard_error, SourceTrace& trace) {
    const auto content = posix::memory_file("gatecrash-trace");
    (is_on_standard_error ? connection.err : connection.out) = content.get();
    const int code = run_inside(inside, connection);
    trace.add_text(posix::read_all(posix::reopen(content.get()).get()));
    return code;
}

/// Returns the source lines that one of the user's files has.
std::optional<kernel::SourceLines> source_lines(std::initializer_list<std::optional<std::string>> files) {
    for (const auto& file : files) {
        if (!file) continue;
        if (kernel::SourceLines lines(*file); !lines.empty()) return lines;
    }
    return std::nullopt;
}

/// The options that only schedules of one command have. Both have --append, --memory and --window.
void add_options_of(OptionList& options, ScheduleOf command) {
    if (command == ScheduleOf::linux) add_linux_kernel(options);
    if (command == ScheduleOf::kernel) {
        add_text(options, image_option, "FILE", "for schedules of `kernel`: the image");
        add_image(options);
    }
}

/// Replays the schedules, one after another.
class Replayer {
  public:
    /// Both must outlive it.
    Replayer(TextOutput& text, Tracing& tracing) : text_(text), tracing_(tracing) {}

    void replay(kernel::KernelSubject& subject, const sweep::Schedule& schedule) {
        const auto replayed = subject.replay(schedule.landings, tracing_.sink());
        results_.push_back(suite::replayed({.case_name = schedule.target}, schedule, replayed.violations));
        results_.back().trace = tracing_.take();
        text_.print((tracing_.prints() ? "\n" : "") + replay_text(schedule, replayed));
        if (const auto words = subject.not_compared(); !words.empty())
            text_.print(fmt::format("not compared: {}\n", fmt::join(words, ", ")));
    }
    [[nodiscard]] int finish(Documents& documents, const LocalMachine& machine) const {
        documents.write(machine.description, results_);
        return static_cast<int>(report::exit_code_of(results_));
    }

  private:
    TextOutput& text_;
    Tracing& tracing_;
    std::vector<suite::Result> results_;
};

int replay_on_linux(const CommonOptions& common, const ReportOptions& reports, const KernelReplayOptions& options,
                    const std::vector<sweep::Schedule>& schedules, bool with_trace) {
    const auto destinations = destinations_of(common, reports);
    Documents documents("replay", destinations);
    auto inside = common;
    auto saved = options.saved.value_or("");
    if (!options.saved) {
        const auto ready = ready_kernel(options.kernel, common.machine);
        saved = ready.file;
        inside.machine = ready.machine;
    }
    auto local = choose_machine(inside.machine, !documents.empty());
    TextOutput text(destinations, common.quiet);
    const bool is_inside = options.saved.has_value();
    SourceTrace sources(
        with_trace && !is_inside ? source_lines({options.kernel.symbols, options.kernel.kernel}) : std::nullopt,
        [&text](const std::string& line) { text.print(line); });
    if (!local) {
        inside.words.push_back(fmt::format("--{}={}", saved_kernel_option, saved));
        const Connection connection{.inputs = {saved}, .documents = &documents};
        return with_trace ? trace_inside(inside, connection, takes_standard_output(destinations), sources)
                          : run_inside(inside, connection);
    }
    Tracing tracing(with_trace, reports.html.has_value(), [&](const std::string& line) {
        if (is_inside) return text.print(line + "\n");
        sources.add(line);
    });
    kernel::LoadedKernel loaded(local->system, saved, options.kernel.pokes);
    Replayer replayer(text, tracing);
    for (const auto& schedule : schedules) {
        const auto sweep = sweep_options(schedule, options.window);
        kernel::KernelSubject subject(
            loaded.waiting(),
            {schedule.target, workload_of(schedule, loaded.head().workloads), options.kernel.ignored_memory}, sweep);
        replayer.replay(subject, schedule);
    }
    return replayer.finish(documents, *local);
}

int replay_on_image(const CommonOptions& common, const ReportOptions& reports, const KernelReplayOptions& options,
                    const std::vector<sweep::Schedule>& schedules, bool with_trace) {
    const auto& setup = options.image->setup;
    (void)find_places(kernel::read_image_file(setup.file), setup.description, *options.image_window);
    const auto destinations = destinations_of(common, reports);
    Documents documents("replay", destinations);
    auto local = choose_machine(common.machine, !documents.empty());
    if (!local) return run_inside(common, {.inputs = files_of(*options.image), .documents = &documents});
    TextOutput text(destinations, common.quiet);
    SourceTrace sources(with_trace ? source_lines({setup.file}) : std::nullopt,
                        [&text](const std::string& line) { text.print(line); });
    Tracing tracing(with_trace, reports.html.has_value(), [&sources](const std::string& line) { sources.add(line); });
    Replayer replayer(text, tracing);
    for (const auto& schedule : schedules) {
        const auto sweep = sweep_options(schedule, {});
        kernel::LoadedImage image(local->system, {setup, *options.image_window, options.image->seconds}, sweep.events);
        kernel::KernelSubject subject(image.waiting(), schedule.target, image.window(), sweep);
        replayer.replay(subject, schedule);
    }
    return replayer.finish(documents, *local);
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
    KernelReplayOptions options{.kernel = read_kernel(values), .saved = values.text_if_given(saved_kernel_option)};
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

int replay_on_kernel(const CommonOptions& common, const ReportOptions& reports, const KernelReplayOptions& options,
                     const Words& schedules, bool with_trace) {
    std::vector<sweep::Schedule> parsed;
    parsed.reserve(schedules.size());
    for (const auto& text : schedules) parsed.push_back(sweep::parse_schedule(text));
    return options.image ? replay_on_image(common, reports, options, parsed, with_trace)
                         : replay_on_linux(common, reports, options, parsed, with_trace);
}

}  // namespace gatecrash::cli
