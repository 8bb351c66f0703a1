#include "cli/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/help.hpp"
#include "cli/option_groups.hpp"

namespace gatecrash::cli {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(Options, HaveTheDefaultsOfTheContract) {
    const auto options = parse_options({"run"});
    EXPECT_EQ(options.command, Command::run);
    EXPECT_EQ(options.machine, MachineName::automatic);
    EXPECT_FALSE(options.jobs);
    EXPECT_EQ(options.json, "");
    EXPECT_FALSE(options.quiet);
    EXPECT_EQ(options.stepper, std::nullopt) << "the machine decides";
    EXPECT_TRUE(options.patterns.empty());
}

TEST(Options, MayStandAnywhereBehindTheCommand) {
    const auto options = parse_options(
        {"run", "a/*", "--machine=amd", "b", "--json", "-", "--quiet", "--jobs", "2", "--stepper=stop-bytes"});
    EXPECT_EQ(options.patterns, (Words{"a/*", "b"}));
    EXPECT_EQ(options.machine, MachineName::amd);
    EXPECT_EQ(options.json, "-");
    EXPECT_TRUE(options.quiet);
    EXPECT_EQ(options.jobs, 2U);
    EXPECT_EQ(options.stepper, vm::StepperKind::stop_bytes);
}

TEST(Options, LeaveTheNumberOfWorkersToCpusAndMemory) {
    constexpr std::uint64_t gib = 1U << 30;
    constexpr struct {
        unsigned cpus;
        std::optional<std::uint64_t> free_memory;
        unsigned jobs;
        const char* why;
    } rows[]{
        {64, std::nullopt, most_default_jobs, "no emulators"},
        {8, std::nullopt, 8, "no emulators"},
        {0, std::nullopt, 1, "it is not known how many CPUs there are"},
        {64, 256 * gib, 64, "enough memory"},
        {2, 16 * gib, 2, "enough memory"},
        {64, 16 * gib, 16, "too little"},
        {64, gib / 8, 1, "too little even for one"},
    };
    for (const auto& row : rows) EXPECT_EQ(default_jobs(row.cpus, row.free_memory), row.jobs) << row.why;
}

TEST(Options, OfExplore) {
    const auto options = parse_options(
        {"explore", "x.elf", "--events", "nmi,irq=0x30", "--depth", "3", "--window", "a.b..c", "--no-prune"});
    EXPECT_EQ(options.target, "x.elf");
    EXPECT_EQ(options.events, (std::vector{vm::Event::nmi(), vm::Event::irq(0x30)}));
    EXPECT_EQ(options.depth, 3U);
    EXPECT_EQ(options.window, (std::vector<sweep::SymbolRange>{{"a.b", "c"}}));
    EXPECT_FALSE(options.prune);
    EXPECT_FALSE(parse_options({"explore", "x.elf"}).events.has_value());
    EXPECT_FALSE(parse_options({"explore", "x.elf"}).depth.has_value());
}

TEST(Options, StopExploreAfterSomeFindingsAndRunAfterNone) {
    const auto after = [](const Words& words) { return findings_to_stop_after(parse_options(words)); };
    EXPECT_EQ(after({"explore", "x"}), usual_max_findings);
    EXPECT_EQ(after({"run"}), 0U);
    EXPECT_EQ(after({"explore", "x", "--budget", "9"}), 0U) << "it has a limit already";
    EXPECT_EQ(after({"explore", "x", "--budget", "9", "--max-findings", "7"}), 7U);
    for (const auto* command : {"run", "explore"}) {
        EXPECT_EQ(after({command, "x", "--max-findings", "7"}), 7U);
        EXPECT_EQ(after({command, "x", "--fail-fast"}), 1U);
    }
}

TEST(Options, SayWhoTakesStandardOutput) {
    EXPECT_FALSE(takes_standard_output(parse_options({"run", "--json", "x", "--junit", "y"})));
    EXPECT_TRUE(takes_standard_output(parse_options({"run", "--json", "-", "--junit", "y"})));
    EXPECT_TRUE(takes_standard_output(parse_options({"explore", "x", "--junit", "-"})));
    EXPECT_TRUE(takes_standard_output(parse_options({"run", "--ktap", "--json", "x"})));
}

TEST(Options, AskForHelpAnywhere) {
    EXPECT_EQ(parse_options({"--help"}).command, Command::help);
    EXPECT_EQ(parse_options({"help"}).command, Command::help);
    EXPECT_EQ(parse_options({"help", "run"}).help_topic, "run");
    EXPECT_EQ(parse_options({"run", "nested", "--help"}).command, Command::help);
    EXPECT_EQ(parse_options({"replay", "-h"}).help_topic, "replay");
    EXPECT_EQ(parse_options({"--version"}).command, Command::version);
    EXPECT_EQ(parse_options({"run", "--version"}).command, Command::version);
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
    struct {
        Words words;
        const char* why;
        const char* command;
    } const rows[] = {
        {{}, "no command", ""},
        {{"frob"}, "no such command: 'frob'", ""},
        {{"--quiet", "run"}, "the command comes first", ""},
        {{"help", "frob"}, "no such command: 'frob'", ""},
        {{"check", "x"}, "check is not in this version", ""},
        {{"run", "--frob"}, "--frob", "run"},
        {{"run", "--mach", "amd"}, "unknown option --mach", "run"},
        {{"run", "--junit"}, "--junit", "run"},
        {{"run", "--ktap=x"}, "--ktap", "run"},
        {{"list", "--ktap"}, "unknown option --ktap", "list"},
        {{"doctor", "--junit", "x"}, "unknown option --junit", "doctor"},
        {{"replay", "x", "--junit", "x"}, "unknown option --junit", "replay"},
        {{"run", "--ktap", "--json", "-"}, "--ktap and --json both want standard output", "run"},
        {{"run", "--junit", "-", "--ktap"}, "--ktap and --junit both want standard output", "run"},
        {{"explore", "x", "--json=-", "--junit=-"}, "--json and --junit both want standard output", "explore"},
        {{"run", "--json", "x", "--junit", "x"}, "--json and --junit both want x", "run"},
        {{"run", "--shard", "0/2"}, "--shard is I/N, I from 1 to N", "run"},
        {{"run", "--shard", "3/2"}, "not '3/2'", "run"},
        {{"run", "--shard", "1"}, "not '1'", "run"},
        {{"run", "--shard", "1/"}, "not '1/'", "run"},
        {{"run", "--shard", "1/2x"}, "not '1/2x'", "run"},
        {{"explore", "x", "--shard", "1/65537"}, "N at most 65536", "explore"},
        {{"run", "--shard", "1/65536", "--jobs", "2"}, "more than 65536 shards", "run"},
        {{"list", "--shard", "1/2"}, "unknown option --shard", "list"},
        {{"merge"}, "FILE is missing", "merge"},
        {{"merge", "x", "--shard", "1/2"}, "unknown option --shard", "merge"},
        {{"run", "--depth", "2"}, "unknown option --depth", "run"},
        {{"run", "--unfit"}, "unknown option --unfit", "run"},
        {{"run", "--json"}, "--json", "run"},
        {{"run", "--machine", "vax"}, "--machine is one of auto, host, amd, intel, all, not 'vax'", "run"},
        {{"explore", "x", "--machine", "all"}, "all is for `gatecrash doctor` and `gatecrash run` only", "explore"},
        {{"run", "--machine", "all", "--junit", "x"}, "--junit is of one machine", "run"},
        {{"run", "--machine", "all", "--ktap"}, "--ktap is of one machine", "run"},
        {{"run", "--machine", "all", "--resume", "x"}, "--resume is of one machine", "run"},
        {{"run", "--machine", "all", "--shard", "1/2"}, "--shard is of one machine", "run"},
        {{"run", "--machine", "amd", "--machine", "host"}, "--machine", "run"},
        {{"run", "--budget", "0"}, "--budget is a number from 1", "run"},
        {{"explore", "x", "--budget", "9", "--jobs", "2"}, "by one worker: leave --jobs out", "explore"},
        {{"run", "--max-findings", "0"}, "--max-findings is a number from 1", "run"},
        {{"explore", "x", "--max-findings", "many"}, "not 'many'", "explore"},
        {{"explore", "x", "--max-findings", "-3"}, "not '-3'", "explore"},
        {{"explore", "x", "--max-findings", "3", "--fail-fast"}, "--fail-fast is --max-findings 1", "explore"},
        {{"run", "--fail-fast=1"}, "--fail-fast", "run"},
        {{"list", "--fail-fast"}, "unknown option --fail-fast", "list"},
        {{"replay", "x@nmi:y", "--stats"}, "unknown option --stats", "replay"},
        {{"merge", "x", "--max-findings", "3"}, "unknown option --max-findings", "merge"},
        {{"run", "--resume", "-"}, "--resume wants the name of a file", "run"},
        {{"run", "--resume", "a", "--json", "a"}, "--json and --resume both want a", "run"},
        {{"replay", "x@nmi:y", "--resume", "a"}, "unknown option", "replay"},
        {{"run", "--jobs", "0"}, "from 1", "run"},
        {{"run", "--jobs", "-1"}, "from 1", "run"},
        {{"run", "--jobs=two"}, "not 'two'", "run"},
        {{"run", "--jobs=4294967297"}, "from 1", "run"},
        {{"run", "--stepper=x"}, "trap-flag, stop-bytes", "run"},
        {{"doctor", "x"}, "'x' is one argument too many", "doctor"},
        {{"explore"}, "TARGET is missing", "explore"},
        {{"explore", ""}, "TARGET is missing", "explore"},
        {{"explore", "a", "b"}, "'b' is one argument too many", "explore"},
        {{"explore", "a", "--events", "smi"}, "no such event", "explore"},
        {{"explore", "a", "--depth", "17"}, "from 0 to 16", "explore"},
        {{"explore", "a", "--depth", "1x"}, "not '1x'", "explore"},
        {{"explore", "a", "--window", "b"}, "FROM..TO", "explore"},
        {{"explore", "a", "--window", "b.."}, "FROM..TO", "explore"},
        {{"explore", "a", "--window", "..b"}, "FROM..TO", "explore"},
        {{"explore", "a", "--window", "a..b,"}, "'': not FROM..TO", "explore"},
        {{"explore", "a", "--window", "smi:a..b"}, "'smi' is no kind of event", "explore"},
        {{"replay"}, "SCHEDULE is missing", "replay"},
        {{"replay", ""}, "SCHEDULE is missing", "replay"},
        {{"new"}, "DIR is missing", "new"},
        {{"new", "a", "b"}, "'b' is one argument too many", "new"},
    };
    for (const auto& row : rows) {
        try {
            (void)parse_options(row.words);
            ADD_FAILURE() << "accepted: " << testing::PrintToString(row.words);
        } catch (const UsageError& error) {
            EXPECT_THAT(error.what(), HasSubstr(row.why));
            EXPECT_EQ(error.command(), row.command) << row.why;
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        }
    }
}

TEST(Options, AreTheSameForEveryShardWhereTheyDecide) {
    const auto deciding = [](const Words& words) { return deciding_arguments(parse_options(words)); };
    EXPECT_EQ(deciding({"run", "x", "--shard", "1/2", "--json", "1", "--machine", "amd", "--quiet"}),
              deciding({"run", "x", "--shard", "2/2", "--json", "2", "--ktap", "--jobs", "3", "--resume", "r"}));
    EXPECT_NE(deciding({"run", "x"}), deciding({"run", "y"}));
    EXPECT_NE(deciding({"explore", "x"}), deciding({"explore", "x", "--no-prune"}));
    EXPECT_NE(deciding({"explore", "x"}), deciding({"explore", "x", "--fail-fast"}));
}

TEST(Options, SurviveBeingWrittenDown) {
    for (const auto& words : std::vector<Words>{
             {"doctor", "--machine", "host"},
             {"doctor", "--machine", "all"},
             {"list", "a", "b/*", "--json", "x=y"},
             {"run", "--budget", "5000000000", "--resume", "file"},
             {"run", "--quiet", "--jobs", "3", "--stepper", "stop-bytes", "--", "--odd"},
             {"explore", "a b.elf", "--events", "irq=0x21,nmi", "--depth", "0", "--window", "x..y,nmi:a..b",
              "--no-prune"},
             {"explore", "c/v"},
             {"explore", "c/v", "--max-findings", "5000000000"},
             {"run", "--fail-fast"},
             {"run", "--stats"},
             {"explore", "c/v", "--ktap", "--junit", "x.xml", "--json", "x.json"},
             {"run", "--junit", "-", "c/*"},
             {"run", "--shard", "2/3"},
             {"explore", "c/v", "--shard=1/2"},
             {"merge", "1.json", "2.json", "--ktap"},
             {"replay", "c/v@nmi:x+0x1f#2", "--trace"},
             {"replay", "c/v@nmi:x", "a b.elf", "c/v@nmi:x"},
             {"new", "a b"},
             {"help", "run"},
             {"help"},
             {"version"},
         }) {
        const auto options = parse_options(words);
        EXPECT_EQ(parse_options(to_arguments(options)), options) << testing::PrintToString(to_arguments(options));
    }
}

TEST(Help, NamesEveryCommandAndEveryOption) {
    for (const auto& info : commands()) {
        EXPECT_THAT(help_text(""), HasSubstr(info.name));
        const auto page = help_text(std::string(info.name));
        EXPECT_THAT(page, HasSubstr(std::string("usage: gatecrash ") + std::string(info.name)));
        EXPECT_THAT(page, HasSubstr("Examples:\n  gatecrash " + std::string(info.name)));
        const auto own = own_options(info.command);
        for (const auto& option : own.options()) EXPECT_THAT(page, HasSubstr("--" + option->long_name()));
        EXPECT_THAT(page, HasSubstr("--machine"));
    }
}

}  // namespace
}  // namespace gatecrash::cli
