#include "cli/option_groups.hpp"

#include <fmt/format.h>

#include <limits>
#include <vector>

#include "cli/jobs.hpp"
#include "machines/machines.hpp"

namespace gatecrash::cli {

namespace po = boost::program_options;

namespace {

sweep::Shard read_shard(const Values& values, std::optional<unsigned> jobs) {
    const auto text = values.text_if_given("shard");
    if (!text) return {};
    const auto shard = sweep::parse_shard(*text);
    if (!shard || shard->count > max_shards) {
        values.fail(
            fmt::format("--shard must be I/N, with I from 1 to N and N at most {}, not '{}'", max_shards, *text));
    }
    if (jobs.value_or(1) > max_jobs(*shard)) {
        values.fail(fmt::format("--shard and --jobs together give more than {} shards: lower one of them", max_shards));
    }
    return *shard;
}

/// Returns the words for --machine. Files of machines are read only if the table does not have the `word`, so that a
/// damaged file is in nobody's way.
std::vector<Choice<MachineName>> machine_choices(const std::string& word) {
    std::vector<Choice<MachineName>> choices;
    const auto add = [&](MachineName name) { choices.push_back({name.word(), name}); };
    for (const auto name : MachineName::every()) add(name);
    if (std::ranges::find(choices, word, &Choice<MachineName>::word) == choices.end()) {
        for (const auto& machine : machines::further_machines()) add(MachineName(machine));
    }
    return choices;
}

/// Describes --machine from the table of machines.
std::string help_of_machine() {
    const auto& usual = machines::usual_machine();
    std::string names, needs;
    for (const auto& machine : machines::all_machines()) {
        names += fmt::format("{}{}", &machine == &machines::all_machines().back() ? " or " : ", ", machine.name);
        if (!machine.is_emulated() || machine.setup == usual.setup) continue;
        needs += fmt::format("; {} needs `{}` once", machine.name, machine.setup);
    }
    return fmt::format(
        "where guests run: auto{}; doctor and run also accept all (default auto: host if its KVM behaves like "
        "hardware, otherwise {}{})",
        names, usual.name, needs);
}

}  // namespace

void add_text(OptionList& options, const char* name, const char* value, const std::string& help) {
    options.add_options()(name, po::value<std::string>()->value_name(value), help.c_str());
}

void add_flag(OptionList& options, const char* name, const char* help) {
    options.add_options()(name, po::bool_switch(), help);
}

void add_common(OptionList& options) {
    add_text(options, "machine", "NAME", help_of_machine());
    add_text(options, "jobs", "N",
             "number of workers that share each sweep of `run` and `explore` (default: one for each CPU that this "
             "process may use, at most 16 on the host; emulated machines take at most half of the free memory)");
    add_text(options, "json", "FILE",
             "also write the results as JSON; '-' is standard output, and the text then goes to standard error");
    add_text(
        options, "stepper", "KIND",
        "how to step: trap-flag or stop-bytes (default trap-flag; stop-bytes for 32-bit guests, and where the trap "
        "flag leaves state in the CPU)");
    add_flag(
        options, "quiet",
        "print no progress line, and no finding before its sweep ends; if a report takes standard output, print no "
        "text either");
    add_flag(options, "help,h", "print this help");
    add_flag(options, "version", "print the version");
}

CommonOptions read_common(const Values& values, Machines machines) {
    CommonOptions options;
    if (values.has("machine"))
        options.machine = *values.choice_if_given<MachineName>("machine", machine_choices(values.text("machine")));
    if (options.machine == MachineName::all && machines == Machines::one) {
        values.fail("--machine all works only with `gatecrash doctor` and `gatecrash run`");
    }
    options.stepper = values.choice_if_given<vm::StepperKind>("stepper", stepper_words);
    options.jobs = values.number_if_given("jobs", 1U, most_jobs);
    options.json = values.text_if_given("json");
    options.quiet = values.is_set("quiet");
    options.words = values.words();
    return options;
}

void add_reports(OptionList& options) {
    add_flag(options, "ktap",
             "write the results to standard output as KTAP, each as soon as it is known; the text then goes to "
             "standard error");
    add_text(options, "junit", "FILE",
             "also write the results as JUnit XML; '-' is standard output, and the text then goes to standard error");
    add_html(options);
}

void add_html(OptionList& options) {
    add_text(
        options, "html", "FILE",
        "also write the results as one page for a browser, with maps of where events land; '-' is standard output");
}

ReportOptions read_reports(const Values& values) {
    return {
        .ktap = values.is_set("ktap"), .junit = values.text_if_given("junit"), .html = values.text_if_given("html")};
}

void add_limits(OptionList& options) {
    add_text(options, "shard", "I/N", "sweep part I of N; combine the parts' JSON with `gatecrash merge`");
    add_text(options, "budget", "N", "stop each sweep after N schedules; the result is marked \"not exhaustive\"");
    add_text(options, "max-findings", "N",
             "stop each sweep after N findings (default: 25 for explore without --budget, otherwise no limit)");
    add_flag(options, "fail-fast", "same as --max-findings 1");
    add_flag(options, "stats", "print a table of where the time went; --json always contains it");
    add_text(options, "resume", "FILE", "save progress in FILE; if FILE exists, resume from it");
}

LimitOptions read_limits(const Values& values, std::optional<unsigned> jobs) {
    LimitOptions options;
    options.shard = read_shard(values, jobs);
    options.stats = values.is_set("stats");
    options.budget = values.number_if_given("budget", std::uint64_t{1});
    if (options.budget && jobs.value_or(1) != 1) {
        values.fail("--budget needs a single worker, which spends it in the order of the sweep: leave --jobs out");
    }
    options.max_findings = values.number_if_given("max-findings", std::uint64_t{1});
    if (values.is_set("fail-fast")) {
        if (options.max_findings) values.fail("--fail-fast means --max-findings 1: give only one of the two");
        options.max_findings = 1;
    }
    options.resume = values.file_if_given("resume");
    return options;
}

void add_sweeping(OptionList& options) {
    add_limits(options);
    add_reports(options);
}

SweepingOptions read_sweeping(const Values& values, Machines machines) {
    SweepingOptions options;
    options.common = read_common(values, machines);
    options.reports = read_reports(values);
    options.limits = read_limits(values, options.common.jobs);
    auto destinations = destinations_of(options.common, options.reports);
    if (options.limits.resume) destinations.push_back({"--resume", *options.limits.resume});
    values.check(destinations);
    return options;
}

}  // namespace gatecrash::cli
