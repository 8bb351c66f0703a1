#include "cli/sweeping.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "cases/registry.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
namespace {

suite::Result skipped(suite::Result result, sweep::SweepResult sweep, std::string why) {
    result.sweep = std::move(sweep);
    return cli::skipped(std::move(result), std::move(why));
}

vm::Event watch_of(const suite::WatchedByte& byte, const vm::Image& image) {
    const auto address = image.symbols.find(byte.symbol);
    if (!address) throw vm::ImageError(fmt::format("{} has no symbol {} to watch", image.name, byte.symbol));
    return vm::Event::watch(number(*address) + byte.offset);
}

}  // namespace

std::string missing_behaviours(const Selection& selection, const report::MachineDescription& machine) {
    std::vector<vm::Behaviour> missing;
    if (selection.variant != nullptr) {
        std::ranges::copy_if(selection.variant->needs, std::back_inserter(missing), [&](vm::Behaviour behaviour) {
            const auto found = machine.behaviours.find(behaviour);
            return found == machine.behaviours.end() || !found->second;
        });
    }
    if (missing.empty()) return "";
    return fmt::format("it needs {}, which {} has not as silicon has it: see `gatecrash doctor`",
                       fmt::join(vm::names_of(missing), " and "), machine.name);
}

suite::Result skipped(suite::Result result, std::string why) {
    result.verdict = suite::Verdict::skip;
    result.status = suite::Status::skip;
    result.skip_reason = std::move(why);
    return result;
}

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

vm::Image image_of(const Options& options, const Selection& selection) {
    return selection.variant == nullptr ? find_target(options.target).image : image_of(selection);
}

sweep::SweepOptions sweep_options_of(const Options& options, const Selection& selection, const vm::Image& image,
                                     vm::StepperKind stepper) {
    sweep::SweepOptions sweep;
    sweep.events = {vm::Event::nmi()};
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
    sweep.stepper = options.stepper.value_or(vm::stepper_for(image, sweep.events, stepper));
    sweep.budget = options.budget;
    sweep.max_findings = findings_to_stop_after(options);
    return sweep;
}

bool shows_findings(const Options& options, const Selection& selection, vm::Vendor vendor) {
    return options.command == Command::explore || selection.variant->expected_on(vendor).holds();
}

std::uint64_t findings_to_tell(const Options& options, const Selection& selection, vm::Vendor vendor) {
    if (const auto most = findings_to_stop_after(options); most != 0) return most;
    return shows_findings(options, selection, vendor) ? most_shown : 0;
}

suite::Result blank_result(const Options& options, const Selection& selection, vm::Vendor vendor) {
    suite::Result result;
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
    result.expect = expects.holds() ? "holds" : "breaks " + sweep::to_string(expects.invariant);
    return result;
}

suite::Result judged(const Options& options, const Selection& selection, vm::Vendor vendor,
                     std::span<const sweep::SweepResult> shards) {
    auto sweep = sweep::merge(shards, findings_to_stop_after(options));
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
    if (!explores) return suite::judge(*selection.of, *selection.variant, vendor, std::move(sweep));
    result.verdict = breaks ? suite::Verdict::breaks : suite::Verdict::holds;
    result.status = breaks ? suite::Status::finding : suite::Status::ok;
    result.sweep = std::move(sweep);
    return result;
}

}  // namespace gatecrash::cli
