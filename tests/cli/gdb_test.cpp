// Debugs guests with a real gdb, as a user does.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// `gatecrash gdb` with a socket that gdb can connect to.
class Session {
  public:
    explicit Session(Words words) : command_(arguments(std::move(words)), {{"TMPDIR", folder_.path().string()}}) {
        command_.wait_for_output("Connect with");
    }

    /// Runs gdb with these commands, and returns what it prints. `file` has symbols.
    [[nodiscard]] std::string gdb(const Words& commands, const std::string& file = {}) {
        // Output of the stub goes to standard error.
        Words words{"sh",
                    "-c",
                    "exec \"$@\" 2>&1",
                    "sh",
                    "gdb",
                    "-nx",
                    "-batch",
                    "-ex",
                    "set remotetimeout 60",
                    "-ex",
                    "target remote " + socket()};
        for (const auto& each : commands) words.insert(words.end(), {"-ex", each});
        if (!file.empty()) words.push_back(file);
        return Command(words).finish().out;
    }
    [[nodiscard]] Result finish() { return command_.finish(); }
    [[nodiscard]] std::string socket() const { return folder_.path() / "socket"; }
    [[nodiscard]] bool has_left_nothing() const { return std::filesystem::is_empty(folder_.path()); }
    [[nodiscard]] Command& command() { return command_; }

  private:
    [[nodiscard]] Words arguments(Words words) const {
        words.insert(words.begin(), {"gdb", "--machine", "amd", "--socket", socket()});
        return gatecrash(words);
    }

    TemporaryFolder folder_;
    Command command_;
};

/// Cuts a text at lines with "===".
std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts(1);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line == "===")
            parts.emplace_back();
        else
            parts.back() += line + "\n";
    }
    return parts;
}

const std::string cut = "echo ===\\n";

/// Finds the columns of each match of `pattern` in the lines of `text`, joined by spaces.
std::vector<std::string> columns_of(const std::string& text, const std::regex& pattern) {
    std::vector<std::string> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (std::regex_search(line, match, pattern))
            all.push_back(fmt::format("{} {} {}", match.str(1), match.str(2), match.str(3)));
    }
    return all;
}

/// Returns the place, CPL and stack of each instruction that `replay --trace` shows.
std::vector<std::string> trace_of(const std::string& schedule) {
    const auto replayed = run_gatecrash({"replay", "--machine", "amd", "--trace", schedule});
    return columns_of(replayed.out, std::regex(R"(^ *\d+  (\S+) +(\d) (\S+) )"));
}

/// Returns the same of each boundary that gdb steps to from the beginning of the window on.
std::vector<std::string> steps_of(const std::string& schedule, std::size_t most) {
    Session session({schedule});
    const TemporaryFolder folder;
    const auto script = folder.file(
        "steps", fmt::format("set $i = 0\nwhile $i < {}\nmonitor boundary\nstepi\nset $i = $i + 1\nend\n", most));
    auto text = session.gdb({"reverse-continue", "source " + script});
    EXPECT_EQ(session.finish().code, 0);
    text.resize(std::min(text.size(), text.find("the guest has ended")));
    // An instruction does not execute while an event is due.
    text = std::regex_replace(text, std::regex("at [^\n]*\nthe next step delivers"), "");
    auto steps = columns_of(text, std::regex(R"(^at (\S+), CPL (\d), stack (\S+)$)"));
    // A trace has one line for all iterations of a REP.
    steps.erase(std::ranges::unique(steps).begin(), steps.end());
    return steps;
}

TEST(Gdb, GoesToTheHandlerAndBack) {
    Session session({std::string(GUEST) + "@nmi:nmi_iret"});
    const auto state = "info registers";
    const auto out = session.gdb({cut, "info symbol $pc", "monitor boundary", state, "x/24xg $rsp-128", cut, "stepi",
                                  cut, "info symbol $pc", "x/5xg $rsp", "x/xg 0x123456789000", cut, "reverse-stepi",
                                  cut, "info symbol $pc", "monitor boundary", state, "x/24xg $rsp-128", cut},
                                 GUEST);
    const auto parts = parts_of(out);
    ASSERT_EQ(parts.size(), 7U) << out;
    EXPECT_THAT(parts[1], AllOf(HasSubstr("nmi_iret in section"), HasSubstr("one is latched"),
                                HasSubstr("the next step delivers an event"), HasSubstr("gs_base"), HasSubstr("cr3")));
    EXPECT_THAT(parts[3],
                AllOf(HasSubstr("entry_nmi in section"), HasSubstr("Cannot access memory at address 0x123456789000")));
    EXPECT_EQ(parts[5], parts[1]) << "going back restores registers and memory";
    const auto result = session.finish();
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr(fmt::format("gdb -ex 'set remotetimeout 60' -ex 'target remote {}' {}\n",
                                                  session.socket(), GUEST)));
    EXPECT_TRUE(session.has_left_nothing());
}

TEST(Gdb, StepsWhereReplayTraces) {
    const auto schedule = "nested-nmi/linus-2010@nmi:nmi_iret";
    const auto trace = trace_of(schedule);
    ASSERT_GT(trace.size(), 400U);
    EXPECT_EQ(steps_of(schedule, trace.size() + 50), trace);
}

TEST(Gdb, StopsAtBreakpointsInBothDirections) {
    Session session({"nested-nmi/linus-2010@nmi:nmi_iret"});
    const auto boundary = "monitor boundary";
    // Symbols come from the guest that the command wrote. gdb asks the stub for the address.
    const auto out = session.gdb({"monitor symbol entry_nmi",
                                  "reverse-continue",
                                  cut,
                                  "eval \"break *%#lx\", $pc",
                                  "stepi",
                                  "eval \"break *%#lx\", $pc",
                                  "continue",
                                  cut,
                                  boundary,
                                  "x/4xb $pc",
                                  cut,
                                  "reverse-continue",
                                  cut,
                                  boundary,
                                  cut,
                                  "reverse-continue",
                                  cut,
                                  boundary,
                                  cut,
                                  "delete",
                                  "continue"});
    const auto parts = parts_of(out);
    ASSERT_EQ(parts.size(), 8U) << out;
    EXPECT_THAT(parts[2], HasSubstr("at entry_nmi,")) << out;
    EXPECT_THAT(parts[4], HasSubstr("step 1 of the window\nat entry_nmi,")) << out;
    EXPECT_THAT(parts[6], HasSubstr("step 0 of the window\nat user_window,")) << out;
    EXPECT_THAT(parts[7], HasSubstr("the guest has ended: doorbell END")) << out;
    EXPECT_EQ(session.finish().code, 0);
}

TEST(Gdb, FindsWhatOverwritesAFrame) {
    Session session({std::string(GUEST) + "@nmi:nmi_iret"});
    const auto returns_to = "info symbol *(long *)$frame";
    const auto out =
        session.gdb({"set $frame = $rsp", "eval \"watch *(long *)%#lx\", $frame", cut, returns_to, cut, "continue",
                     returns_to, cut, "reverse-continue", returns_to, cut, "reverse-continue", returns_to},
                    GUEST);
    const auto parts = parts_of(out);
    ASSERT_EQ(parts.size(), 5U) << out;
    EXPECT_THAT(parts[1], HasSubstr("user_window in section"));
    // The second NMI takes itself for the first one, and copies its frame over that one's.
    EXPECT_THAT(parts[2], AllOf(HasSubstr("Hardware watchpoint 1"), HasSubstr("in nmi_first ()"),
                                HasSubstr("nmi_iret in section")));
    EXPECT_THAT(parts[3], AllOf(HasSubstr("in nmi_first ()"), HasSubstr("user_window in section")));
    // The first NMI has copied its own.
    EXPECT_THAT(parts[4], AllOf(HasSubstr("in nmi_first ()"), HasSubstr("No symbol matches")));
    EXPECT_EQ(session.finish().code, 0);
}

TEST(Gdb, LandsMoreEventsAndUndoesThem) {
    Session session({"nested-nmi/linus-2010@nmi:nmi_iret"});
    const auto boundary = "monitor boundary";
    const auto out = session.gdb({"reverse-continue",
                                  "stepi",
                                  "stepi",
                                  "stepi",
                                  cut,
                                  boundary,
                                  "monitor land smi",
                                  cut,
                                  "monitor land nmi",
                                  "stepi",
                                  cut,
                                  "reverse-stepi",
                                  "reverse-stepi",
                                  "stepi",
                                  boundary,
                                  cut,
                                  "set var $rbx = 7",
                                  "stepi",
                                  "reverse-stepi",
                                  "print $rbx",
                                  "reverse-stepi",
                                  "stepi",
                                  "print $rbx"});
    const auto parts = parts_of(out);
    ASSERT_EQ(parts.size(), 5U) << out;
    EXPECT_THAT(parts[1],
                AllOf(HasSubstr("NMIs: masked\n"), Not(HasSubstr("schedule so far: nested-nmi/linus-2010@"))));
    EXPECT_THAT(parts[2], AllOf(HasSubstr("NMIs: masked, one is latched"),
                                HasSubstr("schedule so far: nested-nmi/linus-2010@nmi:")));
    EXPECT_THAT(parts[3], AllOf(HasSubstr("NMIs: masked\n"), HasSubstr("still to land: nmi:nmi_iret")));
    EXPECT_THAT(parts[4], AllOf(HasSubstr("$1 = 7\n"), Not(HasSubstr("$2 = 7\n"))));
    EXPECT_EQ(session.finish().code, 0);
}

TEST(Gdb, DebugsAGuestOf32Bits) {
    Session session({"espfix32/reference@nmi:3"});
    const auto out = session.gdb({"print sizeof($esp)", "info registers eip cr0 fs_base", "stepi", "reverse-stepi"});
    EXPECT_THAT(out, AllOf(HasSubstr("$1 = 4"), HasSubstr("PG"), HasSubstr("fs_base")));
    EXPECT_EQ(session.finish().code, 0);
}

TEST(Gdb, DebugsALinuxKernel) {
    const auto schedule = "linux/getpid@nmi:entry_SYSCALL_64";
    auto trace = trace_of(schedule);
    ASSERT_GT(trace.size(), 300U);
    trace.resize(200);
    auto steps = steps_of(schedule, 230);
    ASSERT_GT(steps.size(), 200U);
    steps.resize(200);
    EXPECT_EQ(steps, trace);
}

TEST(Gdb, DebugsAnImage) {
    const std::string image = TEST_IMAGES "multiboot.elf";
    Session session({"--image", image, "--window", "entry_syscall..syscall_exit",
                     "kernel/test-image-multiboot.elf@nmi:entry_syscall"});
    const auto out = session.gdb({"stepi", "info symbol $pc", cut, "reverse-stepi", "info symbol $pc", cut, "continue",
                                  "info symbol $pc", cut, "x/2i syscall_exit"},
                                 image);
    const auto parts = parts_of(out);
    ASSERT_EQ(parts.size(), 4U) << out;
    EXPECT_THAT(parts[0], HasSubstr("entry_nmi in section"));
    EXPECT_THAT(parts[1], HasSubstr("entry_syscall in section"));
    EXPECT_THAT(parts[2], AllOf(HasSubstr("arrived at the end of the window"), HasSubstr("syscall_exit in section")));
    EXPECT_THAT(parts[3], Not(HasSubstr("out "))) << "gdb does not see where the harness stops the image";
    EXPECT_EQ(session.finish().code, 0);
}

TEST(Gdb, RefusesWritesThatGoingBackCannotUndo) {
    const auto refused = HasSubstr("Cannot access memory at address");
    Session guest({std::string(GUEST) + "@nmi:nmi_iret"});
    const auto parts = parts_of(guest.gdb(
        {cut, "set var *(long *)((char *)&log_ring + 4092) = 0x7777777777777777", cut, "x/2xw (char *)&log_ring + 4092",
         "set var *(int *)((char *)&log_ring + 4092) = 0x1234567", "x/xw (char *)&log_ring + 4092"},
        GUEST));
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_THAT(parts[1], refused) << "it ends after the segment of its first byte";
    EXPECT_THAT(parts[2], AllOf(Not(HasSubstr("77777777")), HasSubstr("0x01234567")));
    EXPECT_EQ(guest.finish().code, 0);

    const std::string image = TEST_IMAGES "multiboot.elf";
    Session kernel({"--image", image, "--window", "entry_syscall..syscall_exit", "--memory", "64",
                    "kernel/test-image-multiboot.elf@nmi:entry_syscall"});
    const auto of_kernel = parts_of(kernel.gdb(
        {cut, "set var *(char *)((long)&syscall_exit + 1) = 0", cut, "set var *(long *)0x3fffffc = 0x7777777777777777",
         cut, "x/xw 0x3fffffc", "set var *(int *)0x3fffffc = 0x1234567", "x/xw 0x3fffffc"},
        image));
    ASSERT_EQ(of_kernel.size(), 4U);
    EXPECT_THAT(of_kernel[1], refused) << "the harness stops the image there";
    EXPECT_THAT(of_kernel[2], refused) << "the memory ends there";
    EXPECT_THAT(of_kernel[3], AllOf(Not(HasSubstr("77777777")), HasSubstr("0x01234567")));
    EXPECT_EQ(kernel.finish().code, 0);
}

TEST(Gdb, RefusesAScheduleThatDoesNotLand) {
    const TemporaryFolder folder;
    for (const auto* schedule : {"nested-nmi/flag-only@nmi:entry_nmi+0x1f", "linux/getpid@nmi:entry_SYSCALL_64#9"}) {
        const auto result = run_gatecrash({"gdb", "--machine", "amd", schedule}, {{"TMPDIR", folder.path().string()}});
        EXPECT_EQ(result.code, 2) << result.err;
        EXPECT_THAT(result.err, HasSubstr("the run never reaches"));
        EXPECT_THAT(result.out, IsEmpty());
        EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    }
}

TEST(Gdb, LeavesNothingAfterCtrlC) {
    Session session({"nested-nmi/linus-2010@nmi:nmi_iret"});
    EXPECT_FALSE(session.has_left_nothing());
    session.command().signal(SIGINT);
    EXPECT_EQ(session.finish().code, 130);
    EXPECT_TRUE(session.has_left_nothing());
}

TEST(Gdb, StartsAtATerminal) {
    const TemporaryFolder folder;
    auto keys = posix::make_pipe();
    // script(1) makes the terminal.
    Command command(
        {"script", "-qec", fmt::format("{} gdb --machine amd --gdb '{}@nmi:nmi_iret'", GATECRASH, GUEST), "/dev/null"},
        {{"TMPDIR", folder.path().string()}, {"HOME", folder.path().string()}, {"TERM", "dumb"}, {"GDBHISTFILE", ""}},
        -1, keys.read.get());
    const auto type = [&](const std::string& text) { posix::write_all(keys.write.get(), text); };
    command.wait_for_output("in nmi_iret ()");
    // The second NMI overwrites the frame of the first, so that this guest never ends.
    type("echo now it runs\\n\n");
    type("continue\n");
    command.wait_for_output("now it runs\r\n");
    std::this_thread::sleep_for(std::chrono::seconds(2));  // a gdb that does not run anything ignores Ctrl-C
    type("\x03");
    command.wait_for_output("SIGINT");
    type("reverse-continue\n");
    command.wait_for_output("No more reverse-execution history");
    type("quit\ny\n");
    const auto result = command.finish();
    EXPECT_EQ(result.code, 0) << result.out;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace gatecrash::cli
