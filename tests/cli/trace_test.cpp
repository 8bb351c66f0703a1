// Runs `replay --trace` and `explain` with schedules, as a user types them.
#include "report/text_report.hpp"
#include "support/amd.hpp"

namespace gatecrash::cli {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// A schedule that breaks I4, of some 500 steps.
constexpr const char* breaking = "nested-nmi/flag-only@nmi:nmi_iret";

/// Runs the command in a terminal, and returns what it shows there.
std::string shown_in_terminal(Words words, const std::map<std::string, std::string>& environment) {
    words.insert(words.begin(), GATECRASH);
    words.insert(words.end(), {"--machine", "amd"});
    return Command({"script", "-qec", report::shell_command(words), "/dev/null"}, environment).finish().out;
}

TEST(Trace, GoesToAFile) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "trace";
    const auto printed = run_on_amd({"replay", "--trace", breaking});
    const auto written = run_on_amd({"replay", "--trace=" + path.string(), breaking});
    EXPECT_EQ(written.code, 1) << written.err;
    const auto trace = posix::read_file(path);
    EXPECT_THAT(trace, StartsWith("nested-nmi/flag-only: # boundary"));
    EXPECT_THAT(written.out, StartsWith(breaking));
    EXPECT_EQ(printed.out, trace + "\n" + written.out);
}

TEST(Trace, IsWrittenUpToAnEventThatTheRunNeverReaches) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "trace";
    const auto result = run_on_amd({"replay", "--trace=" + path.string(), "nested-nmi/flag-only@nmi:nmi_nested"});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr("the run never reaches nmi_nested"));
    EXPECT_THAT(posix::read_file(path), HasSubstr("doorbell END"));
}

TEST(Trace, HasItsEndIfTheRunFails) {
    const auto result = run_on_amd({"replay", "--trace", "--trace-limit", "3", "nested-nmi/flag-only@nmi:nmi_nested"});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.out, AllOf(HasSubstr("steps are left out"), testing::EndsWith("--- doorbell END\n")));
}

TEST(Trace, HasTheSyntaxAndTheLengthThatOneAsksFor) {
    const auto result = run_on_amd({"replay", "--trace", "--syntax", "att", "--trace-limit", "10", breaking});
    EXPECT_THAT(result.out, AllOf(HasSubstr("cmpb $0x0, nmi_nesting"), HasSubstr("steps are left out"),
                                  HasSubstr("*** the delivery of vector 2 at nmi_iret writes to frame F1")));
    EXPECT_THAT(result.out, Not(ContainsRegex("\n *250  ")));
    EXPECT_LT(std::ranges::count(result.out, '\n'), 100);
}

TEST(Trace, IsColouredOnATerminalUnlessItsUserRefuses) {
    const Words words{"replay", "--trace", breaking};
    const auto colored = shown_in_terminal(words, {{"TERM", "xterm"}});
    EXPECT_THAT(colored, AllOf(HasSubstr("\033[1;33m>>> nmi lands at nmi_iret"), HasSubstr("\033[1;31m!!! I4")));
    EXPECT_THAT(shown_in_terminal(words, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}),
                AllOf(HasSubstr(">>> nmi lands at nmi_iret"), Not(HasSubstr("\033["))));
    EXPECT_THAT(shown_in_terminal(words, {{"TERM", "dumb"}}), Not(HasSubstr("\033[")));
}

TEST(ExplainFinding, TellsItsStory) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "story.json";
    const auto result = run_on_amd({"explain", breaking, "--json", path});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, StartsWith(std::string(breaking) + "\n\nThe design\n"));
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("The delivery of vector 2 at nmi_iret overwrites F1: it led back to"),
                      HasSubstr("What I4 (stack) demands\n"), HasSubstr("Why this design breaks\n"),
                      HasSubstr("gatecrash gdb --machine amd 'nested-nmi/flag-only@nmi:nmi_iret' --gdb\n")));
    const auto document = read_json(path);
    ASSERT_THAT(document["stories"], SizeIs(1));
    EXPECT_EQ(document["stories"][0]["schedule"], breaking);
    EXPECT_EQ(document["stories"][0]["violations"][0]["invariant"], "I4");
    EXPECT_THAT(document["stories"][0]["story"].dump(), HasSubstr("The IRET at nmi_iret pops F3 a second time"));
}

TEST(ExplainFinding, SaysWhatNoStepShows) {
    const auto result = run_on_amd({"explain", "debug/nmi-saves-dr7-each-round@nmi:nmi_work+0x5"});
    EXPECT_THAT(result.out, HasSubstr("What breaks\n  I1 (round trip): DR7 is 0x400, not 0x700\n"));
}

TEST(ExplainFinding, TakesAScheduleWithoutEvents) {
    const auto result = run_on_amd({"explain", "task-gate/tss-not-busy"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(StartsWith("task-gate/tss-not-busy\n"), HasSubstr("What I9 (fault origin) demands"),
                                  Not(HasSubstr("I4 (stack)"))));
}

TEST(ExplainFinding, SaysThatEverythingHolds) {
    const auto result = run_on_amd({"explain", "nested-nmi/copied-frame@nmi:entry_nmi"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("Every invariant holds.\n"), Not(HasSubstr("Why this design breaks"))));
}

}  // namespace
}  // namespace gatecrash::cli
