#include "cli/sweeping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/option_groups.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {

std::vector<Selection> selections_of(const std::vector<Task>& tasks) {
    std::vector<Selection> selections;
    std::ranges::transform(tasks, std::back_inserter(selections), &Task::selection);
    return selections;
}

worker::Sweep sweep_of(const SweepingOptions& options, const Selection& selection) {
    const auto& variant = *selection.variant;
    worker::Sweep sweep{.guest = worker::guest_of(selection),
                        .events = variant.events,
                        .watched = variant.watched,
                        .depth = variant.depth,
                        .window = variant.window};
    limit(sweep, options);
    return sweep;
}

void limit(worker::Sweep& sweep, const SweepingOptions& options) {
    sweep.stepper = options.common.stepper;
    sweep.budget = options.limits.budget;
    sweep.max_findings = options.limits.max_findings;
}

Words deciding_words(const std::string& command, const SweepingOptions& options) {
    // Documents of shards begin with this option wherever they were made, because they have always done so.
    Words words{command, "--machine=" + name_of(MachineName::automatic)};
    const auto& [common, reports, limits] = options;
    if (common.stepper) words.push_back("--stepper=" + word_of(*common.stepper, stepper_words));
    if (limits.budget) words.push_back(fmt::format("--budget={}", *limits.budget));
    if (limits.max_findings) words.push_back(fmt::format("--max-findings={}", *limits.max_findings));
    return words;
}

suite::About about(const Task& task, sweep::Shard shard, vm::Vendor vendor) {
    const auto& [of, variant, owner] = task.selection;
    auto about = variant == nullptr ? suite::About{.case_name = task.name}
                 : task.is_judged   ? suite::about(*of, *variant, vendor)
                                    : suite::about(*of, *variant);
    about.shard = shard;
    return about;
}

bool shows_findings(const Task& task, vm::Vendor vendor) {
    return !task.is_judged || task.selection.variant->expected_on(vendor).holds();
}

namespace {

/// True if something breaks where nothing may. The rest of the sweep cannot change that.
bool is_refuted(const suite::About& about, const sweep::SweepResult& sweep) {
    return !sweep.findings.empty() && (!about.expects || about.expects->holds());
}

suite::Result compared(const suite::About& about, sweep::SweepResult sweep) {
    return about.expects ? suite::judged(about, std::move(sweep)) : suite::found(about, std::move(sweep));
}

}  // namespace

suite::Result result_of(const suite::About& about, sweep::SweepResult sweep) {
    // A finding in a part of a sweep is a finding of the whole. Only the whole sweep can hold, or break in all expected
    // places.
    if (sweep.interrupted && (about.expects || sweep.findings.empty())) {
        auto why = fmt::format("interrupted after {}", report::counted(sweep.schedules, "schedule"));
        return suite::skipped(about, std::move(why), std::move(sweep));
    }
    if (sweep.not_exhaustive && !is_refuted(about, sweep)) {
        auto why = report::describe(*sweep.not_exhaustive);
        return suite::skipped(about, std::move(why), std::move(sweep));
    }
    return compared(about, std::move(sweep));
}

suite::Result partial_result_of(const suite::About& about, sweep::SweepResult sweep, std::string why) {
    sweep.interrupted = false;  // so are only some shards
    auto result = is_refuted(about, sweep) ? compared(about, std::move(sweep))
                                           : suite::skipped(about, std::move(why), std::move(sweep));
    result.partial = true;
    return result;
}

}  // namespace gatecrash::cli
