#include <fmt/format.h>

#include <chrono>

#include "commands.hpp"
#include "inside.hpp"
#include "interrupt.hpp"
#include "machine_choice.hpp"
#include "output.hpp"
#include "report_results.hpp"
#include "sweeping.hpp"
#include "workers.hpp"

namespace gatecrash::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Whatever goes wrong with one variant is its result: the others still run.
explore::Result run_variant(const Selection& selection, const Options& options, const LocalMachine& local,
                            ProgressDisplay& progress) {
    const auto& variant = *selection.variant;
    const auto start = Clock::now();
    auto result = blank_result(options, selection);
    try {
        const auto image = image_of(selection);
        explore::SweepOptions sweep_options;
        sweep_options.events = variant.events;
        sweep_options.depth = variant.depth;
        sweep_options.stepper = options.stepper.value_or(local.stepper);
        sweep_options.shard = options.shard;
        result = judged(options, selection, sweep_image(local.system, image, sweep_options, progress));
    } catch (const std::exception& error) {
        progress.erase();
        fmt::print(stderr, "gatecrash: {}: {}\n", selection.name(), error.what());
        result.message = error.what();
    }
    result.seconds = seconds_since(start);
    return result;
}

}  // namespace

int run(const Options& options) {
    const auto selections = select(explore::all_cases(), options.patterns);
    Documents documents(options);
    auto local = choose_machine(options.machine, !documents.empty());
    if (options.jobs > 1) {
        auto shared = options;
        if (!local) shared.machine = emulated_machine_for(options);
        local.reset();
        const InterruptGuard guard;
        report::MachineDescription machine;
        return report_run(shared, selections, documents, machine,
                          [&](const Selection& selection) { return sweep_with_workers(shared, selection, machine); });
    }
    if (!local) return run_inside(options, documents);

    const InterruptGuard guard;
    auto progress = ProgressDisplay::on_standard_error(options.quiet);
    const auto result_of = [&](const Selection& selection) -> std::optional<explore::Result> {
        if (InterruptGuard::stop()) return std::nullopt;
        return run_variant(selection, options, *local, progress);
    };
    return report_run(options, selections, documents, local->description, result_of);
}

}  // namespace gatecrash::cli
