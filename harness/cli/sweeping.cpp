#include "cli/sweeping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cases/registry.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
std::vector<Selection> selections_of(const Options& options) {
    if (options.command == Command::run) {
        std::vector<std::string> files, patterns;
        for (const auto& pattern : options.patterns) {
            if (pattern.ends_with(".elf") && !is_file(pattern)) throw UsageError("there is no file " + pattern);
            const bool names_file = is_file(pattern) && !matches_any(cases::all_cases(), pattern);
            (names_file ? files : patterns).push_back(pattern);
        }
        auto selected =
            files.empty() || !patterns.empty() ? select(cases::all_cases(), patterns) : std::vector<Selection>();
        for (const auto& file : files) std::ranges::move(expectations_of(file), std::back_inserter(selected));
        return selected;
    }
    return {find_variant(cases::all_cases(), options.target)};
}

std::string target_name(const Options& options, const Selection& selection) {
    return selection.variant == nullptr ? options.target : selection.name();
}

worker::Sweep sweep_of(const Options& options, const Selection& selection) {
    worker::Sweep sweep;
    if (selection.variant == nullptr) {
        sweep.guest = worker::GuestFile{options.target};
    } else {
        const auto& variant = *selection.variant;
        sweep.guest = worker::guest_of(selection);
        sweep.events = variant.events;
        sweep.watched = variant.watched;
        sweep.depth = variant.depth;
        sweep.window = variant.window;
        // Whoever explores wants to see what the machine makes of it.
        if (options.command == Command::run) sweep.needs = variant.needs;
    }
    if (options.events) {
        sweep.events = *options.events;
        sweep.watched.clear();
    }
    sweep.depth = options.depth.value_or(sweep.depth);
    if (!options.window.empty()) sweep.window = options.window;
    sweep.prune = options.prune;
    sweep.stepper = options.stepper;
    if (options.budget != 0) sweep.budget = options.budget;
    if (const auto most = findings_to_stop_after(options); most != 0) sweep.max_findings = most;
    return sweep;
}

bool shows_findings(const Options& options, const Selection& selection, vm::Vendor vendor) {
    return options.command == Command::explore || selection.variant->expected_on(vendor).holds();
}

suite::About about(const Options& options, const Selection& selection, vm::Vendor vendor) {
    const bool is_file = selection.variant == nullptr;
    auto about = is_file ? suite::About{.case_name = options.target}  // Whoever explores wants to know what breaks.
                 : options.command == Command::explore ? suite::about(*selection.of, *selection.variant)
                                                       : suite::about(*selection.of, *selection.variant, vendor);
    about.shard = options.shard;
    return about;
}

suite::Result result_of(const suite::About& about, std::span<const sweep::SweepResult> shards,
                        std::uint64_t max_findings) {
    auto sweep = sweep::merge(shards, max_findings);
    const bool explores = !about.expects;
    const bool breaks = !sweep.findings.empty();
    // What breaks a part of a sweep breaks the whole. Only the whole holds, or breaks in all the places it is to.
    if (sweep.interrupted && !(explores && breaks)) {
        auto why = fmt::format("interrupted after {}", report::counted(sweep.schedules, "schedule"));
        return suite::skipped(about, std::move(why), std::move(sweep));
    }
    if (sweep.not_exhaustive && (!breaks || (!explores && !about.expects->holds()))) {
        auto why = report::describe(*sweep.not_exhaustive);
        return suite::skipped(about, std::move(why), std::move(sweep));
    }
    return explores ? suite::found(about, std::move(sweep)) : suite::judged(about, std::move(sweep));
}

}  // namespace gatecrash::cli
