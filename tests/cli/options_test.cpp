// Tests how each command reads its command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_explore.hpp"
#include "cli/command_run.hpp"
#include "cli/commands.hpp"
#include "cli/jobs.hpp"

namespace gatecrash::cli {
namespace {

using testing::HasSubstr;

RunOptions run_options(Words words) {
    words.insert(words.begin(), "run");
    return read_run(read_values(run_command, words));
}
ExploreOptions explore_options(Words words) {
    words.insert(words.begin(), "explore");
    return read_explore(read_values(explore_command, words));
}

TEST(Options, HaveTheDefaultsOfTheContract) {
    const auto options = run_options({});
    const auto& [common, reports, limits] = options.sweeping;
    EXPECT_EQ(common.machine, MachineName::automatic);
    EXPECT_FALSE(common.jobs);
    EXPECT_FALSE(common.json);
    EXPECT_FALSE(common.quiet);
    EXPECT_FALSE(common.stepper) << "the machine decides";
    EXPECT_FALSE(reports.junit);
    EXPECT_FALSE(limits.budget);
    EXPECT_FALSE(limits.resume);
    EXPECT_TRUE(limits.shard.is_whole());
    EXPECT_TRUE(options.patterns.empty());
}

TEST(Options, MayStandAnywhereAfterTheCommand) {
    const Words words{"a/*", "--machine=amd", "b", "--json", "-", "--quiet", "--jobs", "2", "--stepper=stop-bytes"};
    const auto options = run_options(words);
    const auto& common = options.sweeping.common;
    EXPECT_EQ(options.patterns, (Words{"a/*", "b"}));
    EXPECT_EQ(name_of(common.machine), "amd");
    EXPECT_EQ(common.json, "-");
    EXPECT_TRUE(common.quiet);
    EXPECT_EQ(common.jobs, 2U);
    EXPECT_EQ(common.stepper, vm::StepperKind::stop_bytes);
    EXPECT_EQ(common.words.front(), "run") << "it may have to run again, in an emulated machine";
    EXPECT_EQ(common.words.size(), words.size() + 1);
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
    for (const auto& row : rows) EXPECT_EQ(default_jobs(row.cpus, row.free_memory, gib / 2), row.jobs) << row.why;
}

TEST(Options, AreReadForExplore) {
    const auto options =
        explore_options({"x.elf", "--events", "nmi,irq=0x30", "--depth", "3", "--window", "a.b..c", "--no-prune"});
    EXPECT_EQ(options.target, "x.elf");
    EXPECT_EQ(options.events, (std::vector{vm::Event::nmi(), vm::Event::irq(0x30)}));
    EXPECT_EQ(options.depth, 3U);
    EXPECT_EQ(options.window, (std::vector<sweep::SymbolRange>{{"a.b", "c"}}));
    EXPECT_FALSE(options.prune);
    EXPECT_FALSE(explore_options({"x.elf"}).events);
    EXPECT_FALSE(explore_options({"x.elf"}).depth);
    EXPECT_FALSE(explore_options({"x.elf"}).window);
}

/// Returns the only sweep that `explore` makes of these words.
worker::Sweep explored(const Words& words) { return sweeping_of(explore_options(words)).tasks.at(0).sweep; }

TEST(Sweeping, OfExploreIsTheVariantsUnlessOtherIsAskedFor) {
    const Words variant{"watchpoint/reference"};
    const auto usual = explored(variant);
    EXPECT_EQ(usual.guest, worker::Guest(worker::BuiltInGuest{"watchpoint", "reference"}));
    EXPECT_FALSE(usual.watched.empty());
    EXPECT_EQ(usual.max_findings, usual_max_findings);
    EXPECT_TRUE(usual.needs.empty()) << "whoever explores wants to see what the machine makes of it";
    const auto other = explored({variant[0], "--events", "nmi", "--depth", "4", "--window", "a..b", "--no-prune"});
    EXPECT_EQ(other.events, std::vector{vm::Event::nmi()});
    EXPECT_TRUE(other.watched.empty());
    EXPECT_EQ(other.depth, 4U);
    EXPECT_EQ(other.window.size(), 1U);
    EXPECT_FALSE(other.prune);
    const auto file = explored({"x.elf"});
    EXPECT_EQ(file.guest, worker::Guest(worker::GuestFile{"x.elf"}));
    EXPECT_EQ(file.events, std::vector{vm::Event::nmi()});
    EXPECT_EQ(file.depth, 1U);
}

TEST(Sweeping, OfRunIsTheVariantsWithWhatItNeeds) {
    const auto sweeping = sweeping_of(run_options({"watchpoint/reference", "--stepper", "trap-flag"}));
    ASSERT_EQ(sweeping.tasks.size(), 1U);
    EXPECT_EQ(sweeping.tasks[0].name, "watchpoint/reference");
    EXPECT_TRUE(sweeping.tasks[0].is_judged);
    EXPECT_FALSE(sweeping.tasks[0].sweep.needs.empty());
    EXPECT_EQ(sweeping.tasks[0].sweep.stepper, vm::StepperKind::trap_flag);
}

TEST(Sweeping, StopsExploreAfterSomeFindingsAndRunAfterNone) {
    const auto run_after = [](Words words) {
        words.insert(words.begin(), "vc/reference");
        return sweeping_of(run_options(words)).tasks.at(0).sweep.max_findings;
    };
    EXPECT_EQ(explored({"x"}).max_findings, usual_max_findings);
    EXPECT_FALSE(run_after({}));
    EXPECT_FALSE(explored({"x", "--budget", "9"}).max_findings) << "it has a limit already";
    EXPECT_EQ(explored({"x", "--budget", "9", "--max-findings", "7"}).max_findings, 7U);
    EXPECT_EQ(explored({"x", "--max-findings", "7"}).max_findings, 7U);
    EXPECT_EQ(explored({"x", "--fail-fast"}).max_findings, 1U);
    EXPECT_EQ(run_after({"--max-findings", "7"}), 7U);
    EXPECT_EQ(run_after({"--fail-fast"}), 1U);
}

TEST(Options, SayWhoTakesStandardOutput) {
    const auto run_takes = [](const Words& words) {
        const auto options = run_options(words).sweeping;
        return takes_standard_output(destinations_of(options.common, options.reports));
    };
    EXPECT_FALSE(run_takes({"--json", "x", "--junit", "y"}));
    EXPECT_TRUE(run_takes({"--json", "-", "--junit", "y"}));
    EXPECT_TRUE(run_takes({"x", "--junit", "-"}));
    EXPECT_TRUE(run_takes({"x", "--html", "-"}));
    EXPECT_TRUE(run_takes({"--ktap", "--json", "x"}));
}

TEST(Options, AskForHelpAnywhere) {
    for (const auto& words :
         std::vector<Words>{{"--help"}, {"help"}, {"help", "run"}, {"run", "nested", "--help"}, {"replay", "-h"}}) {
        EXPECT_EQ(read_command_line(words).command, "help") << testing::PrintToString(words);
    }
    EXPECT_EQ(read_command_line({"--version"}).command, "version");
    EXPECT_EQ(read_command_line({"run", "--version"}).command, "version");
    EXPECT_EQ(read_command_line({"run"}).command, "run");
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
    struct {
        Words words;
        const char* why;
        const char* command;
    } const rows[] = {
        {{}, "no command", ""},
        {{"frob"}, "no such command: 'frob'", ""},
        {{"--quiet", "run"}, "the command must come first", ""},
        {{"help", "frob"}, "no such command: 'frob'", ""},
        {{"check"}, "FILE is missing", "check"},
        {{"run", "--frob"}, "--frob", "run"},
        {{"run", "--mach", "amd"}, "unknown option --mach", "run"},
        {{"run", "--junit"}, "--junit", "run"},
        {{"run", "--ktap=x"}, "--ktap", "run"},
        {{"list", "--ktap"}, "unknown option --ktap", "list"},
        {{"doctor", "--report", "x", "--machine", "all"},
         "--report describes one machine: name it with --machine",
         "doctor"},
        {{"doctor", "--report", "-", "--json", "-"}, "--json and --report both write to standard output", "doctor"},
        {{"doctor", "--junit", "x"}, "unknown option --junit", "doctor"},
        {{"replay", "x", "--junit", "x"}, "unknown option --junit", "replay"},
        {{"run", "--ktap", "--json", "-"}, "--ktap and --json both write to standard output", "run"},
        {{"run", "--junit", "-", "--ktap"}, "--ktap and --junit both write to standard output", "run"},
        {{"explore", "x", "--json=-", "--junit=-"}, "--json and --junit both write to standard output", "explore"},
        {{"run", "--json", "x", "--junit", "x"}, "--json and --junit both write to x", "run"},
        {{"run", "--html"}, "--html", "run"},
        {{"list", "--html", "x"}, "unknown option --html", "list"},
        {{"replay", "x", "--html", "x", "--json", "x"}, "--json and --html both write to x", "replay"},
        {{"linux", "--html", "-", "--junit", "-"}, "--junit and --html both write to standard output", "linux"},
        {{"merge", "x", "--html", "-", "--ktap"}, "--ktap and --html both write to standard output", "merge"},
        {{"run", "--shard", "0/2"}, "--shard must be I/N, with I from 1 to N", "run"},
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
        {{"run", "--machine", "vax"}, "--machine must be one of auto, host, amd, ", "run"},
        {{"explore", "x", "--machine", "all"}, "all works only with `gatecrash doctor` and `gatecrash run`", "explore"},
        {{"run", "--machine", "all", "--junit", "x"}, "--junit works for one machine only", "run"},
        {{"run", "--machine", "all", "--ktap"}, "--ktap works for one machine only", "run"},
        {{"run", "--machine", "all", "--resume", "x"}, "--resume works for one machine only", "run"},
        {{"run", "--machine", "all", "--shard", "1/2"}, "--shard works for one machine only", "run"},
        {{"run", "--machine", "amd", "--machine", "host"}, "--machine", "run"},
        {{"run", "--budget", "0"}, "--budget must be a number from 1", "run"},
        {{"explore", "x", "--budget", "9", "--jobs", "2"}, "needs a single worker", "explore"},
        {{"run", "--max-findings", "0"}, "--max-findings must be a number from 1", "run"},
        {{"explore", "x", "--max-findings", "many"}, "not 'many'", "explore"},
        {{"explore", "x", "--max-findings", "-3"}, "not '-3'", "explore"},
        {{"explore", "x", "--max-findings", "3", "--fail-fast"}, "--fail-fast means --max-findings 1", "explore"},
        {{"run", "--fail-fast=1"}, "--fail-fast", "run"},
        {{"list", "--fail-fast"}, "unknown option --fail-fast", "list"},
        {{"replay", "x@nmi:y", "--stats"}, "unknown option --stats", "replay"},
        {{"merge", "x", "--max-findings", "3"}, "unknown option --max-findings", "merge"},
        {{"run", "--resume", "-"}, "--resume needs the name of a file", "run"},
        {{"run", "--resume", "a", "--json", "a"}, "--json and --resume both write to a", "run"},
        {{"replay", "x@nmi:y", "--resume", "a"}, "unknown option", "replay"},
        {{"run", "--jobs", "0"}, "from 1", "run"},
        {{"run", "--jobs", "-1"}, "from 1", "run"},
        {{"run", "--jobs=two"}, "not 'two'", "run"},
        {{"run", "--jobs=4294967297"}, "from 1", "run"},
        {{"run", "--stepper=x"}, "trap-flag, stop-bytes", "run"},
        {{"doctor", "x"}, "unexpected argument 'x'", "doctor"},
        {{"explore"}, "TARGET is missing", "explore"},
        {{"explore", ""}, "TARGET is missing", "explore"},
        {{"explore", "a", "b"}, "unexpected argument 'b'", "explore"},
        {{"explore", "a", "--events", "smi"}, "no such event", "explore"},
        {{"explore", "a", "--depth", "17"}, "from 0 to 16", "explore"},
        {{"explore", "a", "--depth", "1x"}, "not '1x'", "explore"},
        {{"explore", "a", "--window", "b.."}, "FROM..TO", "explore"},
        {{"explore", "a", "--window", "..b"}, "FROM..TO", "explore"},
        {{"explore", "a", "--window", "a..b,"}, "'': neither FROM..TO nor SYMBOL", "explore"},
        {{"explore", "a", "--window", "smi:a..b"}, "'smi' is not a kind of event", "explore"},
        {{"linux", "bzImage"}, "unexpected argument 'bzImage': name a kernel with --kernel", "linux"},
        {{"linux", "--events", "mc"}, "mc cannot land on a kernel yet: nmi, irq", "linux"},
        {{"linux", "--events", "nmi,nmi"}, "nmi twice", "linux"},
        {{"linux", "--events", "nmi,db", "--in-order", "--depth", "3"},
         "--depth must be a number from 0 to 2",
         "linux"},
        {{"linux", "--window", "a.."}, "neither FROM..TO nor SYMBOL", "linux"},
        {{"linux", "--memory", "8"}, "--memory must be a number from 16 to 3072", "linux"},
        {{"linux", "--poke", "panic"}, "--poke must be SYMBOL+0xOFFSET=BYTES", "linux"},
        {{"linux", "--poke", "panic+8=90"}, "not 'panic+8=90'", "linux"},
        {{"linux", "--poke", "panic=90,f00=9"}, "not 'f00=9'", "linux"},
        {{"linux", "--shard", "3/2"}, "--shard must be I/N", "linux"},
        {{"linux", "--stepper", "trap-flag"}, "--stepper does not work for a kernel", "linux"},
        {{"replay", "linux/a@nmi:b", "--stepper", "trap-flag"}, "--stepper does not work", "replay"},
        {{"replay", "linux/a@nmi:b", "c/d@nmi:e"}, "replay them one by one", "replay"},
        {{"replay", "c/d@nmi:e", "--poke", "a=90"}, "--poke is for schedules of `linux`", "replay"},
        {{"replay", "c/d@nmi:e", "--window", "entry"}, "--window is for schedules of `linux`", "replay"},
        {{"replay"}, "SCHEDULE is missing", "replay"},
        {{"replay", ""}, "SCHEDULE is missing", "replay"},
        {{"new"}, "DIR is missing", "new"},
        {{"new", "a", "b"}, "unexpected argument 'b'", "new"},
    };
    for (const auto& row : rows) {
        try {
            (void)read_command_line(row.words);
            ADD_FAILURE() << "accepted: " << testing::PrintToString(row.words);
        } catch (const UsageError& error) {
            EXPECT_THAT(error.what(), HasSubstr(row.why));
            EXPECT_EQ(error.command(), row.command) << row.why;
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        }
    }
}

TEST(Sweeping, IsDecidedByTheSameWordsInEveryShard) {
    const auto run = [](const Words& words) { return sweeping_of(run_options(words)).deciding; };
    const auto explore = [](const Words& words) { return sweeping_of(explore_options(words)).deciding; };
    EXPECT_EQ(run({"vc", "--shard", "1/2", "--json", "1", "--machine", "amd", "--quiet"}),
              run({"vc", "--shard", "2/2", "--json", "2", "--ktap", "--jobs", "3", "--resume", "r"}));
    EXPECT_NE(run({"vc"}), run({"debug"}));
    EXPECT_NE(explore({"x"}), explore({"x", "--no-prune"}));
    EXPECT_NE(explore({"x"}), explore({"x", "--fail-fast"}));
}

TEST(Sweeping, IsReadFromTheWordsThatDecide) {
    for (const auto& words : std::vector<Words>{
             {"a b.elf", "--events", "irq=0x21,nmi", "--depth", "0", "--window", "x..y,nmi:a..b", "--no-prune"},
             {"vc/reference"},
             {"vc/reference", "--max-findings", "5000000000", "--stepper", "stop-bytes"},
             {"vc/reference", "--budget", "5000000000"},
             {"--", "--odd"},
         }) {
        const auto sweeping = sweeping_of(explore_options(words));
        const auto again = sweeping_of(read_explore(read_values(explore_command, sweeping.deciding)));
        EXPECT_EQ(again.deciding, sweeping.deciding);
        EXPECT_EQ(again.tasks[0].sweep, sweeping.tasks[0].sweep) << testing::PrintToString(sweeping.deciding);
    }
    const auto sweeping = sweeping_of(run_options({"vc/*", "debug", "--fail-fast"}));
    EXPECT_EQ(sweeping.deciding, (Words{"run", "--machine=auto", "--max-findings=1", "--", "vc/*", "debug"}));
    EXPECT_EQ(sweeping_of(read_run(read_values(run_command, sweeping.deciding))).deciding, sweeping.deciding);
}

TEST(Help, NamesEveryCommandAndEveryOption) {
    for (const auto* command : commands()) {
        EXPECT_THAT(help_text(""), HasSubstr(command->name));
        const auto page = help_text(command->name);
        EXPECT_THAT(page, HasSubstr("usage: gatecrash " + std::string(command->name)));
        EXPECT_THAT(page, HasSubstr("Examples:\n  gatecrash " + std::string(command->name)));
        OptionList own;
        command->add_options(own);
        for (const auto& option : own.options()) EXPECT_THAT(page, HasSubstr("--" + option->long_name()));
        EXPECT_THAT(page, HasSubstr("--machine"));
    }
}

}  // namespace
}  // namespace gatecrash::cli
