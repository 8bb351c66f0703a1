#include "cli/command_run.hpp"

#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/every_machine.hpp"
#include "cli/output.hpp"
#include "cli/report_results.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::cli {
namespace {

/// Refuses options that cannot serve all machines: a document for one machine, and work on one machine.
void check_machine(const SweepingOptions& options, const Values& values) {
    if (options.common.machine != MachineName::all) return;
    const struct {
        const char* name;
        bool is_asked_for;
    } rows[]{{"junit", options.reports.junit.has_value()},
             {"ktap", options.reports.ktap},
             {"resume", options.limits.resume.has_value()},
             {"shard", !options.limits.shard.is_whole()}};
    for (const auto& row : rows) {
        if (!row.is_asked_for) continue;
        values.fail(fmt::format(
            "--{} works for one machine only: name it with --machine, and run the others separately", row.name));
    }
}

std::vector<Selection> selected_by(const Words& words) {
    Words files, patterns;
    for (const auto& word : words) {
        if (word.ends_with(".elf") && !is_file(word)) throw UsageError("there is no file " + word);
        const bool names_file = is_file(word) && !matches_any(cases::all_cases(), word);
        (names_file ? files : patterns).push_back(word);
    }
    auto selected =
        files.empty() || !patterns.empty() ? select(cases::all_cases(), patterns) : std::vector<Selection>();
    for (const auto& file : files) std::ranges::move(expectations_of(file), std::back_inserter(selected));
    return selected;
}

int run(const RunOptions& options) {
    const auto sweeping = sweeping_of(options);
    if (options.sweeping.common.machine != MachineName::all) return sweep_and_report(sweeping, report_run);
    Documents documents(sweeping);
    const worker::InterruptGuard guard;
    return run_on_every_machine(sweeping, documents);
}

}  // namespace

RunOptions read_run(const Values& values) {
    RunOptions options{.sweeping = read_sweeping(values, Machines::all), .patterns = values.arguments()};
    check_machine(options.sweeping, values);
    return options;
}

Sweeping sweeping_of(const RunOptions& options) {
    Sweeping sweeping{.command = "run",
                      .options = options.sweeping,
                      .deciding = deciding_words("run", options.sweeping),
                      .tasks = {}};
    sweeping.deciding.emplace_back("--");
    std::ranges::copy(options.patterns, std::back_inserter(sweeping.deciding));
    for (const auto& selection : selected_by(options.patterns)) {
        auto sweep = sweep_of(options.sweeping, selection);
        sweep.needs = selection.variant->needs;
        sweeping.tasks.push_back({selection.name(), selection, true, std::move(sweep)});
    }
    return sweeping;
}

const Command run_command{
    .name = "run",
    .arguments = " [PATTERN|FILE...]",
    .summary = "sweep each variant, and compare its verdict with what it expects",
    .about =
        "A PATTERN is a shell glob on CASE or CASE/VARIANT. Without a PATTERN or FILE, all variants run. A\n"
        "FILE is the ELF file of your own guest. FILE.expect says what that guest must do, with one line for\n"
        "each sweep:\n"
        "    EVENTS depth K holds\n"
        "    EVENTS depth K breaks INVARIANT at EVENT:SYMBOL[|SYMBOL...][,EVENT:SYMBOL...]...\n"
        "With --machine all, it runs on every machine in turn, and ends with a table of the results on each\n"
        "machine. If the results of a variant differ, it also lists the behaviours in which those machines\n"
        "differ.\n"
        "The exit code is 0 if all is as expected, 1 if a verdict is not, 2 for wrong usage, 3 for an error\n"
        "of the host or the harness, and 4 if nothing ran.\n",
    .examples =
        "  gatecrash run\n"
        "  gatecrash run nested-nmi --json result.json --junit result.xml\n"
        "  gatecrash run --ktap --quiet\n"
        "  gatecrash run '*/copied-frame*' --machine amd\n"
        "  gatecrash run nested-nmi --machine all\n"
        "  gatecrash run build/my-entry.elf\n",
    .add_options = add_sweeping,
    .prepare = prepare<read_run, run>,
    .known_arguments = [] { return pattern_names(cases::all_cases()); }};

}  // namespace gatecrash::cli
