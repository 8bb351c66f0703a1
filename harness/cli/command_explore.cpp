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

explore::SweepOptions sweep_options_of(const Options& options, const Target& target, const LocalMachine& local) {
    explore::SweepOptions sweep;
    sweep.events = {machine::Event::nmi()};
    if (!target.is_file()) {
        sweep.events = target.selection.variant->events;
        sweep.depth = target.selection.variant->depth;
    }
    sweep.events = options.events.value_or(sweep.events);
    sweep.depth = options.depth.value_or(sweep.depth);
    sweep.prune = options.prune;
    sweep.window = options.window;
    sweep.shard = options.shard;
    sweep.stepper = options.stepper.value_or(local.stepper);
    return sweep;
}

}  // namespace

int explore_target(const Options& options) {
    const auto target = find_target(options.target);
    if (options.window) {
        check_symbol(options.window->first, target.image);
        check_symbol(options.window->second, target.image);
    }
    Documents documents(options);
    auto local = choose_machine(options.machine, !documents.empty());
    if (options.jobs > 1) {
        auto shared = options;
        if (!local) shared.machine = emulated_machine_for(options);
        local.reset();
        const InterruptGuard guard;
        report::MachineDescription machine;
        return report_exploration(shared, target.selection, documents, machine, [&](const Selection& selection) {
            return sweep_with_workers(shared, selection, machine);
        });
    }
    if (!local) {
        return run_inside(options, documents,
                          target.is_file() ? std::vector{options.target} : std::vector<std::string>{});
    }

    const InterruptGuard guard;
    auto progress = ProgressDisplay::on_standard_error(options.quiet);
    const auto result_of = [&](const Selection& selection) {
        const auto start = std::chrono::steady_clock::now();
        auto sweep = sweep_image(local->system, target.image, sweep_options_of(options, target, *local), progress);
        auto result = judged(options, selection, std::move(sweep));
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return std::optional(std::move(result));
    };
    return report_exploration(options, target.selection, documents, local->description, result_of);
}

}  // namespace gatecrash::cli
