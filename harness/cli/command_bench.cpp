#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "bench/baseline.hpp"
#include "bench/entry_bench.hpp"
#include "bench/kernel_bench.hpp"
#include "cli/bench_kernel.hpp"
#include "cli/commands.hpp"
#include "cli/harness_figures.hpp"
#include "cli/host_error.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/saved_kernels.hpp"
#include "cli/version.hpp"
#include "posix/child_process.hpp"
#include "posix/file.hpp"
#include "report/bench_document.hpp"
#include "report/bench_table.hpp"
#include "report/exit_code.hpp"
#include "report/expected_cost.hpp"
#include "report/host_facts.hpp"

namespace gatecrash::cli {
namespace {

using gatecrash::bench::Composition;
using gatecrash::bench::Measured;
using report::BenchDocument;

constexpr int worse = static_cast<int>(report::ExitCode::unexpected),
              nothing_ran = static_cast<int>(report::ExitCode::nothing_ran);

struct BenchOptions {
    CommonOptions common;
    Words patterns;
    std::optional<std::string> baseline;  ///< the path of an older document
    std::optional<double> threshold;      ///< empty: usual_threshold
    std::optional<std::string> plot;      ///< the path of a picture
    Words kernels{};                      ///< saved kernels, for `bench linux`
};

/// Allowed increase over the baseline, as a fraction.
constexpr double usual_threshold = 0.05;

void add_bench(OptionList& options) {
    add_text(options, "baseline", "FILE",
             "compare with FILE, an earlier --json document: print the ratio of each figure, with its 95 % interval");
    add_text(options, "threshold", "PART", "allowed increase over the baseline, as a fraction (default 0.05)");
    add_text(options, "plot", "FILE", "draw the figures as bars into FILE, as SVG");
}

std::vector<Destination> destinations_of(const BenchOptions& options) {
    auto destinations = cli::destinations_of(options.common);
    if (options.plot) destinations.push_back({"--plot", *options.plot});
    return destinations;
}

BenchOptions read_bench(const Values& values) {
    BenchOptions options;
    options.common = read_common(values);
    options.patterns = values.arguments();
    options.baseline = values.file_if_given("baseline");
    if (values.has("threshold")) {
        if (!options.baseline) values.fail("--threshold says what increase --baseline allows: give both");
        options.threshold = values.number_if_given("threshold", 0.0, 1000.0);
    }
    options.plot = values.text_if_given("plot");
    if (const auto files = values.text_if_given(saved_kernel_option)) {
        const auto end = files->find('\n');
        options.kernels = {files->substr(0, end), files->substr(end + 1)};
    }
    values.check(destinations_of(options));
    return options;
}

bool is_of_harness(const BenchOptions& options) { return options.patterns == Words{"harness"}; }
bool is_of_linux(const BenchOptions& options) { return options.patterns == Words{"linux"}; }
bool is_of_paths(const BenchOptions& options) { return !is_of_harness(options) && !is_of_linux(options); }

std::vector<Composition> compositions_of(const BenchOptions& options) {
    for (const auto* alone : {"harness", "linux"}) {
        if (std::ranges::find(options.patterns, alone) == options.patterns.end()) continue;
        throw UsageError(
            fmt::format("`bench {}` takes no other PATTERN: measure paths with a command of their own", alone),
            "bench");
    }
    try {
        return gatecrash::bench::select_compositions(options.patterns);
    } catch (const gatecrash::bench::SelectionError& error) {
        throw UsageError(error.what(), "bench");
    }
}

void tell(const BenchOptions& options, const std::string& note) {
    if (!options.common.quiet) fmt::print(stderr, "gatecrash: {}\n", note);
}

/// Measures counts everywhere, and cycles only on a CPU that has them.
Measured measure_paths(const BenchOptions& options, const LocalMachine& local) {
    const auto compositions = compositions_of(options);
    auto measured =
        gatecrash::bench::count_instructions(local.system, compositions, local.stepper, options.common.stepper);
    if (local.description.emulated) return measured;
    auto cycles = gatecrash::bench::measure_cycles(local.system, compositions);
    measured.warnings = std::move(cycles.warnings);
    measured.figures.insert(measured.figures.end(), cycles.figures.begin(), cycles.figures.end());
    for (const auto& each : cycles.skipped) {
        const bool known = std::ranges::any_of(measured.skipped, [&](const auto& s) { return s.name == each.name; });
        if (!known) measured.skipped.push_back({each.name, "cycles: " + each.reason});
    }
    return measured;
}

BenchDocument measure_here(const BenchOptions& options, const LocalMachine& local) {
    if (is_of_linux(options)) {
        return {version,
                local.description,
                {gatecrash::bench::measure_kernel(local.system, options.kernels.at(0), options.kernels.at(1))}};
    }
    if (is_of_harness(options))
        return measure_harness(local.system, local.description, options.common.stepper.value_or(local.stepper),
                               local.repairs);
    return {version, local.description, measure_paths(options, local)};
}

/// The output of the program inside the emulated machine, and its exit code.
struct Inside {
    std::optional<BenchDocument> document;
    int code = 0;
};

Inside measure_inside(const BenchOptions& options) {
    auto words = options.common.words;
    if (is_of_linux(options))
        words.push_back(fmt::format("--{}={}", saved_kernel_option, fmt::join(options.kernels, "\n")));
    const auto [code, json] = output_from_inside(emulated_machine_for(options.common.machine), words, options.kernels);
    if (code != 0) return {std::nullopt, code};
    return {report::read_bench_document(json), 0};
}

BenchDocument read_baseline(const std::string& name) {
    try {
        return report::read_bench_document(posix::read_file(name));
    } catch (const report::BenchDocumentError& error) {
        throw UsageError(
            fmt::format("--baseline {}: not a document of `gatecrash bench --json`: {}", name, error.what()), "bench");
    } catch (const std::system_error& error) {
        throw UsageError(fmt::format("--baseline {}: {}", name, error.code().message()), "bench");
    }
}

/// Returns the figures that can be compared. Times belong to one machine, and on an emulated machine to one run.
std::vector<gatecrash::bench::Figure> comparable(const BenchDocument& then, const BenchDocument& now) {
    const bool is_same =
        !now.machine.emulated && then.machine.name == now.machine.name && then.machine.cpu == now.machine.cpu;
    std::vector<gatecrash::bench::Figure> figures;
    std::ranges::copy_if(then.measured.figures, std::back_inserter(figures), [&](const auto& figure) {
        return is_same || figure.unit == "instructions" || figure.unit == "ratio";
    });
    return figures;
}

/// Compares, and returns the exit code, which says if anything became worse.
int compare(const BenchOptions& options, const BenchDocument& then, const BenchDocument& now, TextOutput& text) {
    const auto threshold = options.threshold.value_or(usual_threshold);
    const auto comparison = gatecrash::bench::compare(comparable(then, now), now.measured.figures, threshold);
    if (comparison.changes.empty()) {
        throw UsageError(
            fmt::format("--baseline {}: it has no valid figure of this machine that these figures can be compared with",
                        *options.baseline),
            "bench");
    }
    text.print("\n" + report::change_table(comparison, threshold));
    return std::ranges::any_of(comparison.changes, &gatecrash::bench::Change::worse) ? worse : 0;
}

std::filesystem::path find_plotter() {
    if (auto found = posix::find_program("gnuplot")) return *found;
    throw HostError("--plot needs gnuplot, which is not in PATH",
                    "run `./dev setup`, or `apt-get install gnuplot-nox`");
}

/// Returns the picture as SVG.
std::string plot(const std::filesystem::path& plotter, const Measured& measured) {
    constexpr int picture_fd = 3;
    const auto script = posix::memory_file(
        "gatecrash-plot", report::plot_script(measured.figures, fmt::format("/proc/self/fd/{}", picture_fd)));
    const auto picture = posix::memory_file("gatecrash-picture");
    auto ended =
        posix::ChildProcess(plotter, {"-"}, {{STDIN_FILENO, script.get()}, {picture_fd, picture.get()}}).finish();
    (void)::lseek(picture.get(), 0, SEEK_SET);
    auto content = posix::read_all(picture.get());
    if (ended.code == 0 && !content.empty()) return content;
    throw HostError(fmt::format("gnuplot ended with {}: {}", ended.code, ended.output), "is it version 5 or later?");
}

/// Runs inside an emulated machine, and prints only the figures, for the program outside: see measure_inside().
int bench_inside(const BenchOptions& options) {
    const auto local = choose_machine(options.common.machine, true);
    fmt::print("{}", to_text(measure_here(options, local.value())));
    return 0;
}

int bench(BenchOptions options) {
    if (is_of_paths(options)) (void)compositions_of(options);  // reports a wrong name before any work
    if (!emulated_machine().empty()) return bench_inside(options);
    Documents documents(bench_command.name, destinations_of(options));
    std::optional<BenchDocument> then;
    if (options.baseline) then = read_baseline(*options.baseline);
    const auto plotter = options.plot ? find_plotter() : std::filesystem::path();

    if (is_of_linux(options)) options.kernels = kernels_to_measure(options.common.machine);
    std::optional<BenchDocument> now;
    if (auto local = choose_machine(options.common.machine, !documents.empty())) {
        now = measure_here(options, *local);
        if (!now->machine.emulated) now->host = report::read_host_facts();
    } else {
        auto inside = measure_inside(options);
        if (!inside.document) return inside.code;
        now = std::move(inside.document);
    }
    if (is_of_linux(options))
        std::ranges::move(measure_kernel_sweeps(options.common.machine), std::back_inserter(now->measured.figures));

    TextOutput text(destinations_of(options), options.common.quiet);
    text.print(report::bench_table(now->measured));
    if (now->machine.emulated && is_of_paths(options)) {
        text.print("\nNo cycles were measured, because they mean nothing on an emulated machine.\n");
    }
    if (now->host && is_of_paths(options)) {
        if (const auto counts = report::describe_counts(now->measured.figures); !counts.empty())
            text.print("\n" + counts);
    }
    if (now->host && is_of_harness(options)) {
        now->expected = report::expected_cost(*now->host, now->machine.vendor);
        text.print("\n" + report::describe(*now->expected, now->measured.figures));
    }
    documents.write("--json", to_text(*now));
    if (options.plot && std::ranges::any_of(now->measured.figures, &gatecrash::bench::Figure::valid)) {
        documents.write("--plot", plot(plotter, now->measured));
    }
    if (now->measured.figures.empty()) {
        tell(options, "nothing was measured, since everything was skipped: the reasons are above");
        return nothing_ran;
    }
    return then ? compare(options, *then, *now, text) : 0;
}

Words known_patterns() {
    Words words{"harness", "linux"};
    for (const auto& path : gatecrash::bench::all_paths()) words.emplace_back(path.name);
    return words;
}

}  // namespace

const Command bench_command{
    .name = "bench",
    .arguments = " [PATTERN...]",
    .summary = "measure the cost of entering and leaving the kernel",
    .about =
        "Counts the instructions of each path, bare and with the pieces that kernels add to it, and measures\n"
        "its cycles, except on an emulated machine. A PATTERN is a shell glob on PATH or PATH+PIECE, or names\n"
        "a path with pieces of your choice: PATH+PIECE+PIECE. Without a PATTERN, it measures all paths.\n"
        "`bench harness` measures the harness itself. `bench linux` measures sweeps of a Linux kernel, and\n"
        "says what each figure should reach.\n"
        "The exit code is 1 if a figure exceeds its baseline, and 4 if nothing could be measured.\n",
    .examples =
        "  gatecrash bench 'syscall-*'\n"
        "  gatecrash bench syscall-iret+swapgs+stack+save+clear --json then.json\n"
        "  gatecrash bench --baseline then.json --threshold 0.02\n"
        "  gatecrash bench 'int80-iret*' --plot paths.svg\n"
        "  gatecrash bench harness\n"
        "  gatecrash bench linux\n",
    .add_options = add_bench,
    .prepare = prepare<read_bench, bench>,
    .known_arguments = known_patterns};

}  // namespace gatecrash::cli
