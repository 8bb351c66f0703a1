#include "posix/child_process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "posix/file.hpp"

namespace gatecrash::posix {
namespace {

Ended run_shell(const std::string& script, const std::vector<HandedDescriptor>& fds = {},
                std::optional<std::vector<std::string>> environment = std::nullopt) {
    return ChildProcess("/bin/sh", {"-c", script}, fds, std::move(environment)).finish();
}

TEST(ChildProcess, GivesItsOutputAndExitCode) {
    const auto ended = run_shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(ended.code, 3);
    EXPECT_EQ(ended.output, "out\nerr\n");
}

TEST(ChildProcess, ReportsTheSignalThatEndedIt) { EXPECT_EQ(run_shell("kill -TERM $$").code, 128 + SIGTERM); }

TEST(ChildProcess, EndsWith127IfTheProgramIsMissing) {
    EXPECT_EQ(ChildProcess("/no/such/program", {}).finish().code, 127);
}

TEST(ChildProcess, HasNoInput) { EXPECT_EQ(run_shell("cat").output, ""); }

/// Gives each descriptor the number of the other one.
TEST(ChildProcess, FindsTheDescriptorsItIsHanded) {
    const auto one = memory_file("one", "1"), two = memory_file("two", "2");
    const auto ended = run_shell("cat <&" + std::to_string(two.get()) + " && cat " + handed_path(one.get()),
                                 {{two.get(), one.get()}, {one.get(), two.get()}});
    EXPECT_EQ(ended.output, "12");
}

TEST(ChildProcess, HasOnlyTheEnvironmentItIsGiven) {
    EXPECT_EQ(run_shell("/usr/bin/env", {}, std::vector<std::string>{"A=b"}).output.find("HOME="), std::string::npos);
    EXPECT_EQ(run_shell("echo $A", {}, std::vector<std::string>{"A=b"}).output, "b\n");
}

TEST(ChildProcess, DiesWithItsObject) {
    int fd = -1;
    {
        const ChildProcess child("/bin/sleep", {"1000"});
        fd = ::dup(child.pidfd());
    }
    const FileDescriptor pidfd(fd);
    EXPECT_THAT(read_all(open_file("/proc/self/fdinfo/" + std::to_string(fd), O_RDONLY).get()),
                testing::HasSubstr("Pid:\t-1\n"));
}

TEST(FindProgram, LooksInPath) {
    EXPECT_TRUE(find_program("sh"));
    EXPECT_FALSE(find_program("no-such-program"));
}

}  // namespace
}  // namespace gatecrash::posix
