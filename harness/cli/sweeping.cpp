#include "sweeping.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "gatecrash/report/text_report.hpp"

namespace gatecrash::cli {
namespace {

explore::Result skipped(explore::Result result, explore::SweepResult sweep, std::string why) {
    result.sweep = std::move(sweep);
    return cli::skipped(std::move(result), std::move(why));
}

machine::Event watch_of(const explore::WatchedByte& byte, const machine::Image& image) {
    const auto address = image.symbols.find(byte.symbol);
    if (!address) throw machine::ImageError(fmt::format("{} has no symbol {} to watch", image.name, byte.symbol));
    return machine::Event::watch(number(*address) + byte.offset);
}

}  // namespace

std::string missing_behaviours(const Selection& selection, const report::MachineDescription& machine) {
    std::vector<std::string> missing;
    if (selection.variant != nullptr) {
        std::ranges::copy_if(selection.variant->needs, std::back_inserter(missing), [&](const std::string& name) {
            const auto found = machine.behaviours.find(name);
            return found == machine.behaviours.end() || !found->second;
        });
    }
    if (missing.empty()) return "";
    return fmt::format("it needs {}, which {} has not as silicon has it: see `gatecrash doctor`",
                       fmt::join(missing, " and "), machine.name);
}

explore::Result skipped(explore::Result result, std::string why) {
    result.verdict = explore::Verdict::skip;
    result.status = explore::Status::skip;
    result.skip_reason = std::move(why);
    return result;
}

std::vector<Selection> selections_of(const Options& options) {
    if (options.command == Command::run) {
        std::vector<std::string> files, patterns;
        for (const auto& pattern : options.patterns) {
            if (pattern.ends_with(".elf") && !is_file(pattern)) throw UsageError("there is no file " + pattern);
            const bool names_file = is_file(pattern) && !matches_any(explore::all_cases(), pattern);
            (names_file ? files : patterns).push_back(pattern);
        }
        auto selected =
            files.empty() || !patterns.empty() ? select(explore::all_cases(), patterns) : std::vector<Selection>();
        for (const auto& file : files) std::ranges::move(expectations_of(file), std::back_inserter(selected));
        return selected;
    }
    return {find_variant(explore::all_cases(), options.target)};
}

machine::Image image_of(const Options& options, const Selection& selection) {
    return selection.variant == nullptr ? find_target(options.target).image : image_of(selection);
}

explore::SweepOptions sweep_options_of(const Options& options, const Selection& selection, const machine::Image& image,
                                       machine::StepperKind stepper) {
    explore::SweepOptions sweep;
    sweep.events = {machine::Event::nmi()};
    if (selection.variant != nullptr) {
        sweep.events = selection.variant->events;
        for (const auto& byte : selection.variant->watched) sweep.events.push_back(watch_of(byte, image));
        sweep.depth = selection.variant->depth;
        sweep.window = selection.variant->window;
    }
    sweep.events = options.events.value_or(sweep.events);
    sweep.depth = options.depth.value_or(sweep.depth);
    sweep.prune = options.prune;
    if (!options.window.empty()) sweep.window = options.window;
    sweep.shard = options.shard;
    sweep.stepper = options.stepper.value_or(machine::stepper_for(image, sweep.events, stepper));
    sweep.budget = options.budget;
    sweep.max_findings = findings_to_stop_after(options);
    return sweep;
}

bool shows_findings(const Options& options, const Selection& selection, machine::Vendor vendor) {
    return options.command == Command::explore || selection.variant->expected_on(vendor).holds();
}

std::uint64_t findings_to_tell(const Options& options, const Selection& selection, machine::Vendor vendor) {
    if (const auto most = findings_to_stop_after(options); most != 0) return most;
    return shows_findings(options, selection, vendor) ? most_shown : 0;
}

explore::Result blank_result(const Options& options, const Selection& selection, machine::Vendor vendor) {
    explore::Result result;
    result.sweep.shard = options.shard;
    if (selection.variant == nullptr) {
        result.case_name = options.target;
        return result;
    }
    const auto& variant = *selection.variant;
    result.case_name = selection.of->name;
    result.variant = variant.name;
    result.covers = variant.covers;
    // Whoever explores wants to know what breaks.
    if (options.command == Command::explore) return result;
    const auto& expects = variant.expected_on(vendor);
    result.expect = expects.holds() ? "holds" : "breaks " + explore::to_string(expects.invariant);
    return result;
}

explore::Result judged(const Options& options, const Selection& selection, machine::Vendor vendor,
                       std::span<const explore::SweepResult> shards) {
    auto sweep = explore::merge(shards, findings_to_stop_after(options));
    sweep.shard = options.shard;
    auto result = blank_result(options, selection, vendor);
    const bool explores = options.command == Command::explore;
    const bool breaks = !sweep.findings.empty();
    // What breaks a part of a sweep breaks the whole. Only the whole holds, or breaks in all the places it is to.
    if (sweep.interrupted && !(explores && breaks)) {
        auto why = fmt::format("interrupted after {}", report::counted(sweep.schedules, "schedule"));
        return skipped(std::move(result), std::move(sweep), std::move(why));
    }
    if (sweep.not_exhaustive && (!breaks || (!explores && !selection.variant->expected_on(vendor).holds()))) {
        auto why = report::describe(*sweep.not_exhaustive);
        return skipped(std::move(result), std::move(sweep), std::move(why));
    }
    if (!explores) return explore::judge(*selection.of, *selection.variant, vendor, std::move(sweep));
    result.verdict = breaks ? explore::Verdict::breaks : explore::Verdict::holds;
    result.status = breaks ? explore::Status::finding : explore::Status::ok;
    result.sweep = std::move(sweep);
    return result;
}

}  // namespace gatecrash::cli
