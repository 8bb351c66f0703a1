#include <fmt/format.h>

#include <chrono>

#include "commands.hpp"
#include "gatecrash/report/exit_code.hpp"
#include "gatecrash/report/text_report.hpp"
#include "inside.hpp"
#include "interrupt.hpp"
#include "machine_choice.hpp"
#include "output.hpp"
#include "sweeping.hpp"

namespace gatecrash::cli {
namespace {

explore::SweepOptions sweep_options_of(const Options& options, const Target& target) {
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
    sweep.stepper = options.stepper;
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
    auto local = choose_machine(options.machine);
    if (!local) {
        return run_inside(options, documents,
                          target.is_file() ? std::vector{options.target} : std::vector<std::string>{});
    }
    if (!documents.empty()) add_behaviours(local->description, qualify::measure(local->system));

    const InterruptGuard guard;
    auto progress = ProgressDisplay::on_standard_error(options.quiet);
    auto result = target.is_file() ? explore::Result{} : blank_result(target.selection);
    if (target.is_file()) result.case_name = options.target;
    result.expect = "holds";  // whoever explores wants to know what breaks
    auto ktap = target.is_file() ? KtapOutput(options, options.target) : KtapOutput(options, {target.selection});
    const auto start = std::chrono::steady_clock::now();
    try {
        result.sweep = sweep_image(local->system, target.image, sweep_options_of(options, target), progress);
    } catch (const std::exception& error) {
        result.message = error.what();
        ktap.add(result);
        documents.write(local->description, {&result, 1});
        throw;
    }
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool breaks = !result.sweep.findings.empty();
    result.verdict = breaks ? explore::Verdict::breaks : explore::Verdict::holds;
    result.status = breaks ? explore::Status::unexpected : explore::Status::ok;
    if (result.sweep.interrupted && !breaks) mark_interrupted(result);

    ktap.add(result);
    auto shown = result;
    shown.expect.clear();
    TextOutput(options).print(report::sweep_line(shown) + report::details(shown) + report::further_findings(shown));
    documents.write(local->description, {&result, 1});

    if (result.sweep.interrupted) {
        fmt::print(stderr, "gatecrash: interrupted: what was not swept yet may break as well; run it again\n");
        return 128 + InterruptGuard::signal_number();
    }
    if (breaks) {
        fmt::print(stderr, "gatecrash: a schedule breaks an invariant: watch it happen with {} --trace\n",
                   report::replay_command(result.sweep.findings.front().schedule));
    }
    return static_cast<int>(report::exit_code_of({&result, 1}));
}

}  // namespace gatecrash::cli
