#include "cli/sweeping.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "cases/registry.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
namespace {

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
