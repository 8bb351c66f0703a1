#include "cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "cli/option_groups.hpp"
#include "cli/target.hpp"
#include "machines/run.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {

namespace po = boost::program_options;

namespace {

using Words = std::vector<std::string>;

constexpr unsigned most_jobs = 1024, max_depth = 16, max_shards = 65536;

/// A word with its meaning.
template <typename Value>
struct Choice {
    std::string_view word;
    Value value;
};
constexpr Choice<MachineName> machines[] = {{"auto", MachineName::automatic},
                                            {"host", MachineName::host},
                                            {"amd", MachineName::amd},
                                            {"intel", MachineName::intel},
                                            {"all", MachineName::all}};
constexpr Choice<vm::StepperKind> steppers[] = {{"trap-flag", vm::StepperKind::trap_flag},
                                                {"stop-bytes", vm::StepperKind::stop_bytes}};

/// The options of one command line, each asked for by name.
class Values {
  public:
    Values(po::variables_map values, const CommandInfo& info) : values_(std::move(values)), info_(info) {}

    [[noreturn]] void fail(const std::string& what) const { throw UsageError(what, std::string(info_.name)); }

    [[nodiscard]] bool has(const char* name) const { return values_.count(name) != 0; }
    [[nodiscard]] bool is_set(const char* name) const { return values_[name].as<bool>(); }
    [[nodiscard]] std::string text(const char* name) const { return values_[name].as<std::string>(); }
    [[nodiscard]] Words words(const char* name) const { return has(name) ? values_[name].as<Words>() : Words(); }

    template <typename Number>
    [[nodiscard]] Number number(const char* name, Number min, Number max) const {
        const auto value = text(name);
        Number number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (value.empty() || error != std::errc{} || end != value.data() + value.size() || number < min ||
            number > max) {
            fail(fmt::format("--{} is a number from {} to {}, not '{}'", name, min, max, value));
        }
        return number;
    }

    template <typename Value, std::size_t count>
    [[nodiscard]] Value choice(const char* name, const Choice<Value> (&choices)[count]) const {
        const auto word = text(name);
        for (const auto& choice : choices) {
            if (choice.word == word) return choice.value;
        }
        std::string known;
        for (const auto& choice : choices) known += fmt::format("{}{}", known.empty() ? "" : ", ", choice.word);
        fail(fmt::format("--{} is one of {}, not '{}'", name, known, word));
    }

    /// The words that are no options, at most `max` of them.
    [[nodiscard]] Words arguments(std::size_t max) const {
        auto all = words("argument");
        if (all.size() > max) fail(fmt::format("'{}' is one argument too many", all[max]));
        return all;
    }
    [[nodiscard]] std::string only_argument(std::string_view what) const {
        const auto all = arguments(1);
        if (all.empty() || all.front().empty()) fail(fmt::format("{} is missing", what));
        return all.front();
    }

  private:
    po::variables_map values_;
    const CommandInfo& info_;
};

void read_common(Options& options, const Values& values) {
    if (values.has("machine")) options.machine = values.choice("machine", machines);
    if (options.machine == MachineName::all && options.command != Command::doctor && options.command != Command::run) {
        values.fail("--machine all is for `gatecrash doctor` and `gatecrash run` only");
    }
    if (values.has("stepper")) options.stepper = values.choice("stepper", steppers);
    if (values.has("jobs")) options.jobs = values.number("jobs", 1U, most_jobs);
    if (values.has("json")) options.json = values.text("json");
    options.quiet = values.is_set("quiet");
}

void read_explore(Options& options, const Values& values) {
    options.target = values.only_argument("TARGET");
    if (values.has("depth")) options.depth = values.number("depth", 0U, max_depth);
    options.prune = !values.is_set("no-prune");
    if (values.has("events")) {
        try {
            options.events = sweep::parse_events(values.text("events"), options.target, address_of_symbol);
        } catch (const sweep::ScheduleError& error) {
            values.fail(fmt::format("--events {}", error.what()));
        }
    }
    if (values.has("window")) {
        try {
            options.window = sweep::parse_ranges(values.text("window"));
        } catch (const sweep::ScheduleError& error) {
            values.fail(fmt::format("--window {}", error.what()));
        }
    }
}

void read_limits(Options& options, const Values& values) {
    constexpr auto any_number = std::numeric_limits<std::uint64_t>::max();
    options.stats = values.is_set("stats");
    if (values.has("budget")) {
        options.budget = values.number("budget", std::uint64_t{1}, any_number);
        if (options.jobs.value_or(1) != 1) {
            values.fail("--budget is spent in the order of the sweep, by one worker: leave --jobs out");
        }
    }
    if (values.has("max-findings")) {
        options.max_findings = values.number("max-findings", std::uint64_t{1}, any_number);
    }
    if (values.is_set("fail-fast")) {
        if (options.max_findings) values.fail("--fail-fast is --max-findings 1: give only one of the two");
        options.max_findings = 1;
    }
    if (values.has("resume")) {
        options.resume = values.text("resume");
        if (options.resume.empty() || options.resume == "-") values.fail("--resume wants the name of a file");
    }
}

void read_reports(Options& options, const Values& values) {
    if (values.has("junit")) options.junit = values.text("junit");
    options.ktap = values.is_set("ktap");
    if (values.has("shard")) {
        const auto shard = sweep::parse_shard(values.text("shard"));
        if (!shard || shard->count > max_shards) {
            values.fail(fmt::format("--shard is I/N, I from 1 to N and N at most {}, not '{}'", max_shards,
                                    values.text("shard")));
        }
        options.shard = *shard;
        if (options.jobs.value_or(1) > max_jobs(options)) {
            values.fail(fmt::format("--shard and --jobs together make more than {} shards", max_shards));
        }
    }
}

/// What has the results of one machine, or the work on one, cannot have those of all.
void check_machine(const Options& options, const Values& values) {
    if (options.machine != MachineName::all) return;
    const struct {
        const char* name;
        bool is_asked_for;
    } rows[]{{"junit", !options.junit.empty()},
             {"ktap", options.ktap},
             {"resume", !options.resume.empty()},
             {"shard", !options.shard.is_whole()}};
    for (const auto& row : rows) {
        if (!row.is_asked_for) continue;
        values.fail(
            fmt::format("--{} is of one machine: name it with --machine, and run the others likewise", row.name));
    }
}

/// The options that ask for a report, and where it goes to, '-' being standard output.
std::vector<std::pair<const char*, std::string>> destinations(const Options& options) {
    std::vector<std::pair<const char*, std::string>> used;
    if (options.ktap) used.emplace_back("--ktap", "-");
    if (!options.json.empty()) used.emplace_back("--json", options.json);
    if (!options.junit.empty()) used.emplace_back("--junit", options.junit);
    if (!options.resume.empty()) used.emplace_back("--resume", options.resume);
    if (!options.plot.empty()) used.emplace_back("--plot", options.plot);
    return used;
}

void check_destinations(const Options& options, const Values& values) {
    const auto used = destinations(options);
    for (auto one = used.begin(); one != used.end(); ++one) {
        for (auto other = one + 1; other != used.end(); ++other) {
            if (one->second != other->second) continue;
            values.fail(fmt::format("{} and {} both want {}", one->first, other->first,
                                    one->second == "-" ? "standard output" : one->second));
        }
    }
}

void read_bench(Options& options, const Values& values) {
    if (values.has("baseline")) {
        options.baseline = values.text("baseline");
        if (options.baseline.empty() || options.baseline == "-") values.fail("--baseline wants the name of a file");
    }
    if (values.has("threshold")) {
        if (options.baseline.empty()) values.fail("--threshold is what --baseline allows: give both");
        options.threshold = values.number("threshold", 0.0, 1000.0);
    }
    if (values.has("plot")) options.plot = values.text("plot");
}

void read_own(Options& options, const Values& values) {
    constexpr auto any_number = std::numeric_limits<std::size_t>::max();
    switch (options.command) {
        case Command::run:
            read_reports(options, values);
            read_limits(options, values);
            [[fallthrough]];
        case Command::list:
        case Command::worker:
            options.patterns = values.arguments(any_number);
            options.covers = options.command == Command::list && values.is_set("covers");
            break;
        case Command::bench:
            options.patterns = values.arguments(any_number);
            read_bench(options, values);
            break;
        case Command::merge:
            read_reports(options, values);
            options.patterns = values.arguments(any_number);
            if (options.patterns.empty()) values.fail("FILE is missing");
            break;
        case Command::explore:
            read_explore(options, values);
            read_reports(options, values);
            read_limits(options, values);
            break;
        case Command::replay:
            options.schedules = values.arguments(any_number);
            if (std::ranges::all_of(options.schedules, &std::string::empty)) values.fail("SCHEDULE is missing");
            options.trace = values.is_set("trace");
            break;
        case Command::new_project:
            options.folder = values.only_argument("DIR");
            break;
        default:
            (void)values.arguments(0);
    }
}

/// A command that has no options, or needs none any more.
Options just(Command command, const std::string& help_topic = {}) {
    Options options;
    options.command = command;
    options.help_topic = help_topic;
    return options;
}

Options parse_command(const CommandInfo& info, const Words& words) {
    Options options;
    options.command = info.command;
    po::options_description known;
    known.add(own_options(info.command)).add(common_options());
    known.add_options()("argument", po::value<Words>());  // hidden: those that are no options
    po::positional_options_description positional;
    positional.add("argument", -1);

    po::variables_map values;
    try {
        // Guessing would make every new option one that breaks somebody's abbreviation.
        const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(words).options(known).positional(positional).style(style).run(), values);
    } catch (const po::unknown_option& error) {
        throw UsageError(fmt::format("unknown option {}", error.get_option_name()), std::string(info.name));
    } catch (const po::error& error) {
        throw UsageError(error.what(), std::string(info.name));
    }
    const Values read(values, info);
    if (read.is_set("help")) return just(Command::help, std::string(info.name));
    if (read.is_set("version")) return just(Command::version);
    read_common(options, read);
    read_own(options, read);
    check_machine(options, read);
    check_destinations(options, read);
    return options;
}

Options parse_help(const Words& words) {
    if (words.empty()) return just(Command::help);
    if (words.size() > 1) throw UsageError(fmt::format("'{}' is one argument too many", words[1]));
    if (find_command(words[0]) == nullptr) throw UsageError(fmt::format("no such command: '{}'", words[0]));
    return just(Command::help, words[0]);
}

template <typename Value, std::size_t count>
std::string word_of(Value value, const Choice<Value> (&choices)[count]) {
    return std::string(std::ranges::find(choices, value, &Choice<Value>::value)->word);
}

std::string joined(const std::vector<vm::Event>& events) {
    std::string text;
    for (const auto event : events) text += (text.empty() ? "" : ",") + sweep::to_string(event);
    return text;
}

}  // namespace

Options parse_options(const Words& arguments) {
    if (arguments.empty()) throw UsageError("no command");
    const auto& first = arguments.front();
    const Words rest(arguments.begin() + 1, arguments.end());
    if (first == "help" || first == "--help" || first == "-h") return parse_help(rest);
    if (first == "--version" || first == "version") return just(Command::version);
    if (first == "check") throw UsageError("check is not in this version");
    if (first.starts_with('-')) throw UsageError(fmt::format("the command comes first, before {}", first));
    const auto* info = find_command(first);
    if (info == nullptr) throw UsageError(fmt::format("no such command: '{}'", first));
    return parse_command(*info, rest);
}

Words to_arguments(const Options& options) {
    Words words{name_of(options.command)};
    const auto add = [&](const std::string& name, const std::string& value) {
        words.push_back("--" + name + "=" + value);
    };
    if (options.command == Command::version) return words;
    if (options.command == Command::help) {
        if (!options.help_topic.empty()) words.push_back(options.help_topic);
        return words;
    }
    add("machine", name_of(options.machine));
    if (options.jobs) add("jobs", std::to_string(*options.jobs));
    if (options.stepper) add("stepper", word_of(*options.stepper, steppers));
    if (!options.json.empty()) add("json", options.json);
    if (!options.junit.empty()) add("junit", options.junit);
    if (options.ktap) words.emplace_back("--ktap");
    if (options.stats) words.emplace_back("--stats");
    if (!options.shard.is_whole()) add("shard", to_string(options.shard));
    if (options.budget != 0) add("budget", std::to_string(options.budget));
    if (options.max_findings) add("max-findings", std::to_string(*options.max_findings));
    if (!options.resume.empty()) add("resume", options.resume);
    if (options.quiet) words.emplace_back("--quiet");
    if (options.events) add("events", joined(*options.events));
    if (options.depth) add("depth", std::to_string(*options.depth));
    if (!options.window.empty()) {
        std::vector<std::string> ranges;
        for (const auto& range : options.window) ranges.push_back(to_string(range));
        add("window", fmt::format("{}", fmt::join(ranges, ",")));
    }
    if (!options.prune) words.emplace_back("--no-prune");
    if (options.trace) words.emplace_back("--trace");
    if (!options.baseline.empty()) add("baseline", options.baseline);
    if (options.threshold) add("threshold", fmt::format("{}", *options.threshold));
    if (!options.plot.empty()) add("plot", options.plot);
    words.emplace_back("--");
    words.insert(words.end(), options.patterns.begin(), options.patterns.end());
    words.insert(words.end(), options.schedules.begin(), options.schedules.end());
    for (const auto& argument : {options.target, options.folder}) {
        if (!argument.empty()) words.push_back(argument);
    }
    return words;
}

Words deciding_arguments(Options options) {
    options.machine = MachineName::automatic;
    options.jobs.reset();
    options.resume.clear();
    options.json.clear();
    options.junit.clear();
    options.ktap = options.stats = options.quiet = false;
    options.shard = {};
    return to_arguments(options);
}

unsigned default_jobs(unsigned cpus, std::optional<std::uint64_t> free_memory) {
    const auto most = free_memory ? *free_memory / 2 / machines::memory_size : most_default_jobs;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(cpus, 1, std::max<std::uint64_t>(1, most)));
}

std::uint64_t findings_to_stop_after(const Options& options) {
    const bool has_default = options.command == Command::explore && options.budget == 0;
    return options.max_findings.value_or(has_default ? usual_max_findings : 0);
}

unsigned max_jobs(const Options& options) { return std::min(most_jobs, max_shards / options.shard.count); }

bool takes_standard_output(const Options& options) {
    return std::ranges::any_of(destinations(options), [](const auto& each) { return each.second == "-"; });
}

std::string name_of(Command command) {
    switch (command) {
        case Command::help:
            return "help";
        case Command::version:
            return "version";
        default:
            return std::string(info_of(command).name);
    }
}

std::string name_of(MachineName machine) { return word_of(machine, machines); }

}  // namespace gatecrash::cli
