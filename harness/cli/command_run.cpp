#include <fmt/format.h>

#include <algorithm>
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

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Whatever goes wrong with one variant is its result: the others still run.
explore::Result run_variant(const Selection& selection, const Options& options, const kvm::System& system,
                            ProgressDisplay& progress) {
    const auto& variant = *selection.variant;
    const auto start = Clock::now();
    auto result = blank_result(selection);
    try {
        const auto image = image_of(selection);
        explore::SweepOptions sweep_options;
        sweep_options.events = variant.events;
        sweep_options.depth = variant.depth;
        sweep_options.stepper = options.stepper;
        auto sweep = sweep_image(system, image, sweep_options, progress);
        if (sweep.interrupted) {
            result.sweep = std::move(sweep);
            mark_interrupted(result);
        } else {
            result = explore::judge(*selection.of, variant, std::move(sweep));
        }
    } catch (const std::exception& error) {
        progress.erase();
        fmt::print(stderr, "gatecrash: {}: {}\n", selection.name(), error.what());
        result.verdict = explore::Verdict::error;
        result.status = explore::Status::error;
        result.message = error.what();
    }
    result.seconds = seconds_since(start);
    return result;
}

std::size_t width_of_names(const std::vector<Selection>& selections) {
    std::size_t width = 0;
    for (const auto& selection : selections) width = std::max(width, selection.name().size());
    return width;
}

}  // namespace

int run(const Options& options) {
    const auto selections = select(explore::all_cases(), options.patterns);
    Documents documents(options);
    auto local = choose_machine(options.machine);
    if (!local) return run_inside(options, documents);
    if (!documents.empty()) add_behaviours(local->description, qualify::measure(local->system));

    const InterruptGuard guard;
    const auto start = Clock::now();
    TextOutput text(options);
    auto progress = ProgressDisplay::on_standard_error(options.quiet);
    KtapOutput ktap(options, selections);
    std::vector<explore::Result> results;
    for (const auto& selection : selections) {
        if (InterruptGuard::stop()) break;
        results.push_back(run_variant(selection, options, local->system, progress));
        ktap.add(results.back());
        text.print(report::result_line(results.back(), width_of_names(selections)) + report::details(results.back()));
    }
    ktap.end("interrupted before it began");
    text.print("\n" + report::summary(results, local->description, seconds_since(start)));
    documents.write(local->description, results);

    if (InterruptGuard::stop()) {
        const auto ended = std::ranges::count_if(results, [](const auto& result) { return !result.sweep.interrupted; });
        fmt::print(stderr, "gatecrash: interrupted: {} of {} ended before; run it again for the others\n", ended,
                   report::counted(selections.size(), "variant"));
        return 128 + InterruptGuard::signal_number();
    }
    if (const auto step = report::next_step(results); !step.empty()) fmt::print(stderr, "gatecrash: {}\n", step);
    return static_cast<int>(report::exit_code_of(results));
}

}  // namespace gatecrash::cli
