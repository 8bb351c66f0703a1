#include "sweeping.hpp"

#include <fmt/format.h>

#include "gatecrash/report/text_report.hpp"
#include "interrupt.hpp"

namespace gatecrash::cli {

explore::SweepResult sweep_image(const kvm::System& system, const machine::Image& image, explore::SweepOptions options,
                                 ProgressDisplay& progress) {
    machine::Machine machine(system, image);
    progress.begin(image.name);
    options.progress = [&progress](const explore::Progress& at) { progress.update(at); };
    options.stop = &InterruptGuard::stop();
    auto result = explore::sweep(machine, options);
    progress.erase();
    return result;
}

explore::Result blank_result(const Options& options, const Selection& selection) {
    explore::Result result;
    result.sweep.shard = options.shard;
    result.expect = "holds";
    if (selection.variant == nullptr) {
        result.case_name = options.target;
        return result;
    }
    const auto& variant = *selection.variant;
    result.case_name = selection.of->name;
    result.variant = variant.name;
    result.covers = variant.covers;
    // Whoever explores wants to know what breaks.
    if (options.command != Command::explore && !variant.expects.holds()) {
        result.expect = "breaks " + explore::to_string(variant.expects.invariant);
    }
    return result;
}

explore::Result judged(const Options& options, const Selection& selection, explore::SweepResult sweep) {
    const bool explores = options.command == Command::explore;
    if (!explores && !sweep.interrupted) return explore::judge(*selection.of, *selection.variant, std::move(sweep));
    auto result = blank_result(options, selection);
    result.sweep = std::move(sweep);
    const bool breaks = !result.sweep.findings.empty();
    if (explores && (breaks || !result.sweep.interrupted)) {
        result.verdict = breaks ? explore::Verdict::breaks : explore::Verdict::holds;
        result.status = breaks ? explore::Status::unexpected : explore::Status::ok;
    } else {
        result.verdict = explore::Verdict::skip;
        result.status = explore::Status::skip;
        result.skip_reason = fmt::format("interrupted after {}", report::counted(result.sweep.schedules, "schedule"));
    }
    return result;
}

explore::Result merged(const Options& options, const Selection& selection, const std::vector<explore::Result>& shards) {
    double seconds = 0;
    std::vector<explore::SweepResult> sweeps;
    for (const auto& shard : shards) {
        if (shard.status == explore::Status::error) {
            auto failed = blank_result(options, selection);
            failed.message = shard.message;
            return failed;
        }
        seconds += shard.seconds;
        sweeps.push_back(shard.sweep);
    }
    auto sweep = explore::merge(sweeps);
    sweep.shard = options.shard;
    auto result = judged(options, selection, std::move(sweep));
    result.seconds = seconds;
    return result;
}

}  // namespace gatecrash::cli
