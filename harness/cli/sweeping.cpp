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

void mark_interrupted(explore::Result& result) {
    result.verdict = explore::Verdict::skip;
    result.status = explore::Status::skip;
    result.message.clear();
    result.skip_reason = fmt::format("interrupted after {}", report::counted(result.sweep.schedules, "schedule"));
}

explore::Result blank_result(const Selection& selection) {
    explore::Result result;
    result.case_name = selection.of->name;
    result.variant = selection.variant->name;
    result.covers = selection.variant->covers;
    const auto& expects = selection.variant->expects;
    result.expect = expects.holds() ? "holds" : "breaks " + explore::to_string(expects.invariant);
    return result;
}

}  // namespace gatecrash::cli
