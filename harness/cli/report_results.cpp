#include "cli/report_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/sweeping.hpp"
#include "cli/workers.hpp"
#include "report/exit_code.hpp"
#include "report/text_report.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char* not_begun = "interrupted before it began";

std::size_t width_of_names(const std::vector<Task>& tasks) {
    std::size_t width = 0;
    for (const auto& task : tasks) width = std::max(width, task.name.size());
    return width;
}

suite::Result skip_all(const suite::About& about) {
    sweep::SweepResult nothing;
    nothing.interrupted = true;
    return suite::skipped(about, not_begun, std::move(nothing));
}

/// Says which shards a merge lacks, and prints the command of each.
void tell_missing(const std::vector<report::MissingShard>& missing) {
    constexpr std::size_t most_told = 10;
    fmt::print(stderr, "gatecrash: the result is partial, because {} of {} shards {} missing; to complete it, run\n",
               report::grouped(missing.size()), report::grouped(missing.front().shard.count),
               missing.size() == 1 ? "is" : "are");
    for (const auto& [shard, reason, command] : std::span(missing).first(std::min(missing.size(), most_told))) {
        fmt::print(stderr, "  {} {}:\n    {}\n", to_string(shard), reason, command);
    }
    if (missing.size() > most_told) {
        fmt::print(stderr, "  and {} more, which --json lists\n", report::grouped(missing.size() - most_told));
    }
    fmt::print(stderr, "and merge again with all documents\n");
}

/// Says what to do next, and returns the exit code.
int end(const Sweeping& sweeping, std::span<const suite::Result> results, const std::string& step) {
    const auto& shard = sweeping.options.limits.shard;
    const auto code = report::exit_code_of(results);
    const bool is_partial = !sweeping.missing.empty();
    if (!step.empty() && !(is_partial && code == report::ExitCode::nothing_ran)) {
        fmt::print(stderr, "gatecrash: {}\n", step);
    } else if (!shard.is_whole()) {
        fmt::print(stderr,
                   "gatecrash: this was shard {}: combine the --json documents of all shards with `gatecrash merge`\n",
                   to_string(shard));
    }
    if (is_partial) tell_missing(sweeping.missing);
    return static_cast<int>(is_partial ? report::ExitCode::partial : code);
}

}  // namespace

std::string lines_of(const suite::Result& result, const std::vector<Task>& tasks) {
    return report::result_line(result, width_of_names(tasks)) + report::details(result);
}

int report_run(const Sweeping& sweeping, Documents& documents, const report::MachineDescription& machine,
               const ResultSource& next) {
    const auto& limits = sweeping.options.limits;
    const auto start = std::chrono::steady_clock::now();
    TextOutput text(sweeping.options);
    KtapOutput ktap(sweeping);
    std::vector<suite::Result> results;
    while (results.size() < sweeping.tasks.size()) {
        auto result = next();
        if (!result) break;
        ktap.add(*result);
        text.print(lines_of(*result, sweeping.tasks));
        results.push_back(std::move(*result));
    }
    ktap.end(not_begun);
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    text.print("\n" + report::summary(results, machine, seconds));
    if (limits.stats) text.print("\n" + report::time_table(results));
    documents.write(machine, results);

    if (worker::InterruptGuard::stop()) {
        const auto ended = std::ranges::count_if(results, [](const auto& result) { return !result.sweep.interrupted; });
        fmt::print(stderr, "gatecrash: interrupted: {} of {} are done; {}\n", ended,
                   report::counted(sweeping.tasks.size(), "variant"),
                   limits.resume ? "the same command resumes from here" : "run the same command again for the others");
        return 128 + worker::InterruptGuard::signal_number();
    }
    return end(sweeping, results, report::next_step(results));
}

int report_exploration(const Sweeping& sweeping, Documents& documents, const report::MachineDescription& machine,
                       const ResultSource& next) {
    const auto& limits = sweeping.options.limits;
    KtapOutput ktap(sweeping);
    const auto about = cli::about(sweeping.tasks.front(), limits.shard, machine.vendor);
    std::optional<suite::Result> swept;
    try {
        swept = next();
    } catch (const std::exception& error) {
        const auto result = suite::failed(about, error.what());
        ktap.add(result);
        documents.write(machine, {&result, 1});
        throw;
    }
    const auto result = swept ? std::move(*swept) : skip_all(about);
    ktap.add(result);
    TextOutput text(sweeping.options);
    text.print(report::sweep_line(result) + report::details(result) + report::further_findings(result) +
               report::extremes_line(result));
    if (limits.stats) text.print("\n" + report::time_table({&result, 1}));
    documents.write(machine, {&result, 1});

    if (result.sweep.interrupted) {
        fmt::print(stderr, "gatecrash: interrupted: schedules that were not run yet may break as well; {}\n",
                   limits.resume ? "the same command resumes from here" : "run the same command again");
        return 128 + worker::InterruptGuard::signal_number();
    }
    return end(sweeping, {&result, 1},
               result.sweep.findings.empty()
                   ? ""
                   : fmt::format("a schedule breaks an invariant: {}", report::how_to_follow(result)));
}

int sweep_and_report(const Sweeping& sweeping, decltype(report_run)& report) {
    Documents documents(sweeping);
    const worker::InterruptGuard guard;
    Workers workers(sweeping);
    return report(sweeping, documents, workers.machine(), [&] { return workers.next(); });
}

}  // namespace gatecrash::cli
