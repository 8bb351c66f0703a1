#include "cli/command_explore.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/report_results.hpp"
#include "cli/target.hpp"

namespace gatecrash::cli {
namespace {

void add_explore(OptionList& options) {
    add_sweeping(options);
    add_text(options, "events", "LIST",
             fmt::format("events that may land, comma-separated: {}; ADDRESS is a number or SYMBOL[+OFFSET] (default: "
                         "those of the variant, or nmi for a file)",
                         fmt::join(sweep::event_forms(), ", ")));
    add_text(options, "depth", "K",
             "maximum number of events in a schedule (default: that of the variant, or 1 for a file)");
    add_text(options, "window", "RANGES",
             "land events only in RANGES, comma-separated. FROM..TO is the code from one symbol up to, but not "
             "including, another; SYMBOL is one instruction. EVENT:RANGE applies only to events of that kind");
    add_flag(options, "no-prune", "also run schedules that are equivalent to one already run");
}

/// Returns the option's text as `parse` reads it. Empty if the option is not given.
template <typename Parse>
auto parsed_if_given(const Values& values, const char* name, const Parse& parse) {
    std::optional<decltype(parse(std::string()))> parsed;
    if (!values.has(name)) return parsed;
    try {
        parsed = parse(values.text(name));
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--{} {}", name, error.what()));
    }
    return parsed;
}

Words deciding_words(const ExploreOptions& options) {
    auto words = cli::deciding_words("explore", options.sweeping);
    if (options.events) words.push_back("--events=" + joined(*options.events));
    if (options.depth) words.push_back(fmt::format("--depth={}", *options.depth));
    if (options.window) words.push_back("--window=" + joined(*options.window));
    if (!options.prune) words.emplace_back("--no-prune");
    words.emplace_back("--");
    words.push_back(options.target);
    return words;
}

worker::Sweep sweep_of(const ExploreOptions& options, const Selection& selection) {
    worker::Sweep sweep;
    if (selection.variant != nullptr) {
        sweep = sweep_of(options.sweeping, selection);
    } else {
        sweep.guest = worker::GuestFile{options.target};
        limit(sweep, options.sweeping);
    }
    // A budget is a limit already.
    if (!sweep.budget && !sweep.max_findings) sweep.max_findings = usual_max_findings;
    if (options.events) {
        sweep.events = *options.events;
        sweep.watched.clear();
    }
    sweep.depth = options.depth.value_or(sweep.depth);
    sweep.window = options.window.value_or(sweep.window);
    sweep.prune = options.prune;
    return sweep;
}

int explore(const ExploreOptions& options) {
    const auto target = find_target(options.target);
    for (const auto& range : options.window.value_or(std::vector<sweep::SymbolRange>())) {
        check_symbol(range.from, target.image);
        if (!range.to.empty()) check_symbol(range.to, target.image);
    }
    return sweep_and_report(sweeping_of(options), report_exploration);
}

}  // namespace

ExploreOptions read_explore(const Values& values) {
    ExploreOptions options;
    options.sweeping = read_sweeping(values, Machines::one);
    options.target = values.only_argument("TARGET");
    options.depth = values.number_if_given("depth", 0U, max_depth);
    options.prune = !values.is_set("no-prune");
    options.events = parsed_if_given(values, "events", [&](const std::string& text) {
        return sweep::parse_events(text, options.target, address_of_symbol);
    });
    options.window = parsed_if_given(values, "window", sweep::parse_ranges);
    return options;
}

Sweeping sweeping_of(const ExploreOptions& options) {
    const auto selection = find_variant(cases::all_cases(), options.target);
    return {.command = "explore",
            .options = options.sweeping,
            .deciding = deciding_words(options),
            .tasks = {{options.target, selection, false, sweep_of(options, selection)}}};
}

const Command explore_command{
    .name = "explore",
    .arguments = " TARGET",
    .summary = "sweep one variant, or your own guest, with events that you choose",
    .about =
        "TARGET is CASE/VARIANT, or the path of a guest's ELF file. The exit code is 1 if a schedule breaks\n"
        "an invariant.\n",
    .examples =
        "  gatecrash explore nested-nmi/linus-2010 --events nmi,irq --depth 2\n"
        "  gatecrash explore ./my-guest.elf --events irq=0x30 --window entry_nmi..entry_nmi_end\n"
        "  gatecrash explore ./my-guest.elf --events nmi,db --depth 2 --window "
        "nmi:exit..exit_end,db:entry_nmi..nmi_end\n",
    .add_options = add_explore,
    .prepare = prepare<read_explore, explore>,
    .known_arguments = [] { return variant_names(cases::all_cases()); }};

}  // namespace gatecrash::cli
