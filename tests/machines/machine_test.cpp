// Tests what a program sees inside the machine, and what comes back from it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <numeric>
#include <thread>

#include "machines/protocol.hpp"
#include "machines/run.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "support/command.hpp"

namespace gatecrash::machines {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Returns the arguments that run a shell script.
std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

/// Sends the signal `number`, and expects the script of `command` to print "caught" and to exit with 5.
void expect_to_catch(int number, Command& command) {
    command.signal(number);
    const auto result = command.finish();
    EXPECT_EQ(result.code, 5);
    EXPECT_THAT(result.out, HasSubstr("caught\n"));
}

/// Returns all 256 byte values, many times, which a shell cannot generate.
std::string every_byte(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
    return bytes;
}

TEST(Machine, PassesTheExitCode) {
    EXPECT_EQ(run_machine(shell("exit 0")).code, 0);
    EXPECT_EQ(run_machine(shell("exit 73")).code, 73);
}

TEST(Machine, ADeathBySignalIs128AndItsNumber) { EXPECT_EQ(run_machine(shell("kill -SEGV $$")).code, 128 + SIGSEGV); }

TEST(Machine, IsQuietAndKeepsTheStreamsApart) {
    const auto result = run_machine(shell("echo to out; echo to err >&2"));
    EXPECT_EQ(result.out, "to out\n");
    EXPECT_EQ(result.err, "to err\n");
}

TEST(Machine, OffersAWorkingKvm) {
    // The machine runs this test program itself, as gatecrash runs itself.
    Launch launch;
    launch.arguments = {"--gtest_also_run_disabled_tests", "--gtest_filter=Inside.DISABLED_OpensKvm",
                        "--gtest_brief=1"};
    EXPECT_EQ(run_in_machine(MachineFiles::from_environment(), launch), 0);
}

TEST(Inside, DISABLED_OpensKvm) {
    const posix::FileDescriptor kvm = posix::open_file("/dev/kvm", O_RDWR);
    EXPECT_EQ(::ioctl(kvm.get(), KVM_GET_API_VERSION, 0), 12);
    const posix::FileDescriptor vm(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
    EXPECT_TRUE(vm);
}

TEST(Machine, CopiesFilesInAndOutByteForByte) {
    const TemporaryFolder folder;
    const auto content = every_byte(3'000'001);
    const auto in = folder.file("in", content);
    const auto out = (folder.path() / "out").string();
    const auto result = run_machine(
        {"--input", in + "=/data/deep/in", "--output", "/data/out=" + out, "/bin/cp", "/data/deep/in", "/data/out"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(posix::read_file(out), content);
}

TEST(Machine, CopiesFilesWithHoles) {
    const TemporaryFolder folder;
    std::string content(5'000'001, '\0');
    content.replace(200'000, 3, "abc");
    content.replace(3'000'000, 3, "end");
    const auto in = folder.file("in", content), out = (folder.path() / "out").string();
    const auto result = run_machine({"--input", in + "=/in", "--output", "/in=" + out, "/bin/cat", "/in"});
    EXPECT_EQ(result.out, content);
    EXPECT_EQ(posix::read_file(out), content);
}

TEST(Machine, CopiesFilesOutOfAFailedRun) {
    const TemporaryFolder folder;
    const auto out = (folder.path() / "out").string();
    const auto never = (folder.path() / "never").string();
    const auto result =
        run_machine({"--output", "/o=" + out, "--output", "/n=" + never, "/bin/sh", "-c", "echo x >/o; exit 9"});
    EXPECT_EQ(result.code, 9);
    EXPECT_EQ(posix::read_file(out), "x\n");
    EXPECT_FALSE(std::filesystem::exists(never));
}

TEST(Machine, PassesLongOutputByteForByte) {
    const TemporaryFolder folder;
    const auto content = every_byte(5'000'003);
    const auto result = run_machine({"--input", folder.file("in", content) + "=/in", "/bin/cat", "/in"});
    EXPECT_EQ(result.out, content);
}

TEST(Machine, PassesTheEnvironmentItIsGivenOnly) {
    const auto result = run_machine({"--env", "ASKED=a b=c", "/usr/bin/env"}, {{"NOT_ASKED", "x"}});
    EXPECT_THAT(result.out, HasSubstr("ASKED=a b=c\n"));
    EXPECT_THAT(result.out, testing::Not(HasSubstr("NOT_ASKED=x")));
}

TEST(Machine, StartsInTheSameFolderUnderTheSameName) {
    const auto result = run_machine({"/bin/sh", "-c", "pwd; echo $0"});
    EXPECT_EQ(result.out, std::filesystem::current_path().string() + "\n/bin/sh\n");
}

TEST(Machine, HasTheRightTime) {
    const auto inside = std::stol(run_machine({"/bin/date", "+%s"}).out);
    EXPECT_NEAR(static_cast<double>(inside), static_cast<double>(::time(nullptr)), 10);
}

TEST(Machine, StandardInputIsEmptyIfNotAskedFor) {
    const TemporaryFolder folder;
    const posix::FileDescriptor file = posix::open_file(folder.file("in", "some text"), O_RDONLY);
    const auto result = Command(machine_run({"/bin/cat"}), {}, -1, file.get()).finish();
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0) << "nothing was taken from it";
}

/// Runs machine-run --stdin with a file or device as its standard input.
class Input : public testing::Test {
  protected:
    Result run(std::vector<std::string> arguments, const std::string& path) {
        file_ = posix::open_file(path, O_RDONLY);
        arguments.insert(arguments.begin(), "--stdin");
        return Command(machine_run(arguments), {}, -1, file_.get()).finish();
    }

    TemporaryFolder folder_;
    posix::FileDescriptor file_;
};

TEST_F(Input, ArrivesByteForByteAndEnds) {
    for (const std::size_t size : {0UL, 1UL, chunk_size, input_window, 5'000'003UL}) {
        const auto content = every_byte(size);
        const auto result = run({"/bin/cat"}, folder_.file("in", content));
        EXPECT_EQ(result.code, 0) << result.err;
        EXPECT_TRUE(result.out == content) << result.out.size() << " bytes instead of " << size;
    }
}

TEST_F(Input, IsNotReadWhileNobodyAsksForIt) {
    const auto path = folder_.file("in", every_byte(20'000'000));
    const auto result = run({"--input", "/bin/sleep=/bin/sleep", "/bin/sh", "-c",
                             "sleep 2; while read name kib unit; do [ $name != VmRSS: ] || echo $kib; done "
                             "</proc/1/status; echo still here"},
                            path);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\nstill here\n"));
    EXPECT_LT(std::stoi(result.out), 8'000) << "KiB of memory that the agent has";
    // The pipe inside the machine holds 64 KiB more.
    EXPECT_LE(::lseek(file_.get(), 0, SEEK_CUR), static_cast<off_t>(input_window + (64U << 10)));
}

TEST_F(Input, ThatIsEndlessEndsWithTheProgram) {
    const auto result = run({"/bin/head", "-c", "100000"}, "/dev/zero");
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.out, std::string(100'000, '\0'));
}

TEST_F(Input, MayBeClosedByTheProgram) {
    const auto result =
        run({"--input", "/bin/sleep=/bin/sleep", "/bin/sh", "-c", "exec <&-; sleep 1; echo done"}, "/dev/zero");
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.out, "done\n");
}

TEST_F(Input, ThatCannotBeReadIsReported) {
    const auto result = run({"/bin/cat"}, folder_.path());
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("cannot read the standard input"));
    EXPECT_THAT(result.err, HasSubstr("Is a directory"));
}

TEST_F(Input, KeepsSignalsAndOutputGoing) {
    const posix::FileDescriptor zeros = posix::open_file("/dev/zero", O_RDONLY);
    auto arguments = shell("trap 'echo caught; exit 5' INT; echo ready; while :; do echo working; done");
    arguments.insert(arguments.begin(), "--stdin");
    Command command(machine_run(arguments), {}, -1, zeros.get());
    command.wait_for_output("ready\n");
    command.wait_for_output("working\n");
    expect_to_catch(SIGINT, command);
}

TEST_F(Input, MakesADialogue) {
    auto [inside, outside] = posix::make_pipe();
    auto arguments = shell("while read line; do echo \"<$line>\"; done; echo end");
    arguments.insert(arguments.begin(), "--stdin");
    Command command(machine_run(arguments), {}, -1, inside.get());
    inside.reset();
    for (int i = 0; i < 20; ++i) {
        const auto line = "line " + std::to_string(i);
        posix::write_all(outside.get(), line + "\n");
        command.wait_for_output("<" + line + ">\n");
    }
    outside.reset();
    const auto result = command.finish();
    EXPECT_EQ(result.code, 0);
    EXPECT_TRUE(result.out.ends_with("<line 19>\nend\n")) << result.out;
}

TEST(Machine, WritesToTheStreamsItIsGiven) {
    auto in = posix::make_pipe();
    auto out = posix::make_pipe();
    auto err = posix::make_pipe();
    posix::write_all(in.write.get(), "text");
    in.write.reset();
    Launch launch;
    launch.program = "/bin/sh";
    launch.arguments = {"-c", "read line; echo \"out $line\"; echo \"err $line\" >&2"};
    launch.streams = {.in = in.read.get(), .out = out.write.get(), .err = err.write.get()};
    EXPECT_EQ(run_in_machine(MachineFiles::from_environment(), launch), 0);
    out.write.reset();
    err.write.reset();
    EXPECT_EQ(posix::read_all(out.read.get()), "out text\n");
    EXPECT_EQ(posix::read_all(err.read.get()), "err text\n");
}

TEST(Machine, StreamsLive) {
    Command command(machine_run(shell("echo first; while :; do :; done")));
    command.wait_for_output("first\n");
}

TEST(Machine, ASignalReachesTheProgram) {
    for (const int number : {SIGINT, SIGTERM}) {
        Command command(machine_run(shell("trap 'echo caught; exit 5' INT TERM; echo ready; while :; do :; done")));
        command.wait_for_output("ready\n");
        expect_to_catch(number, command);
    }
}

TEST(Machine, ASignalEndsWhatIgnoresIt) {
    Command command(machine_run(shell("trap '' INT; echo ready; while :; do :; done")));
    command.wait_for_output("ready\n");
    const auto start = std::chrono::steady_clock::now();
    command.signal(SIGINT);
    EXPECT_EQ(command.finish().code, 128 + SIGINT);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(6));
}

TEST(Machine, ASecondSignalEndsItAtOnce) {
    Command command(machine_run(shell("trap '' TERM; echo ready; while :; do :; done")));
    command.wait_for_output("ready\n");
    const auto start = std::chrono::steady_clock::now();
    command.signal(SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    command.signal(SIGTERM);
    EXPECT_EQ(command.finish().code, 128 + SIGTERM);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2500));
}

TEST(Machine, DiesWithTheProgramThatStartedIt) {
    Command command(machine_run(shell("echo ready; while :; do :; done")));
    command.wait_for_output("ready\n");
    const auto emulators = emulators_of(command.pid());
    ASSERT_THAT(emulators, SizeIs(1));
    command.signal(SIGKILL);
    EXPECT_EQ(command.finish().code, 128 + SIGKILL);
    for (int i = 0; i < 100 && ::kill(emulators[0], 0) == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_NE(::kill(emulators[0], 0), 0) << "QEMU is still there";
}

TEST(Machine, AReaderThatGoesAwayEndsTheWriter) {
    const auto result =
        Command({"/bin/sh", "-c", MACHINE_RUN " /bin/sh -c 'while echo x; do :; done; exit 3' | head -c 2; echo"})
            .finish();
    EXPECT_EQ(result.out, "x\n\n");
}

TEST(Machine, ATerminalIsATerminalInsideWithItsSize) {
    int controller = -1;
    int terminal = -1;
    winsize size{};
    size.ws_row = 33;
    size.ws_col = 111;
    ASSERT_EQ(::openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
    const posix::FileDescriptor controller_owner(controller);
    posix::FileDescriptor terminal_owner(terminal);
    auto arguments = shell(
        "stty size <&2; trap 'stty size <&2; exit 4' WINCH; printf 'a\\nb\\r' >&2; echo ready; "
        "while :; do :; done");
    arguments.insert(arguments.begin(), {"--input", "/usr/bin/stty=/usr/bin/stty"});
    Command command(machine_run(arguments), {}, terminal);
    command.wait_for_output("ready\n");
    size.ws_row = 44;
    ASSERT_EQ(::ioctl(terminal, TIOCSWINSZ, &size), 0);
    command.signal(SIGWINCH);
    const auto result = command.finish();
    terminal_owner.reset();  // else the read below would wait for more output
    EXPECT_EQ(result.code, 4);
    EXPECT_EQ(result.out, "33 111\nready\n44 111\n");
    std::string shown(64, '\0');
    shown.resize(static_cast<std::size_t>(::read(controller, shown.data(), shown.size())));
    // This terminal adds the \r before \n once.
    EXPECT_EQ(shown, "a\r\nb\r");
}

TEST(Machine, StartsWellWithinASecondOnceItWasBooted) {
    run_machine(shell(":"));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(run_machine(shell("exit 0")).code, 0);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    RecordProperty("seconds", std::to_string(taken.count()));
    // This takes 0.2 s on an idle host of two cores. The bound allows for a busy host, and a boot would exceed it.
    EXPECT_LT(taken.count(), 2.0);
}

TEST(Machine, ManyStartAtOnce) {
    std::vector<std::unique_ptr<Command>> commands;
    commands.reserve(4);
    for (int i = 0; i < 4; ++i) {
        commands.push_back(std::make_unique<Command>(machine_run(shell("exit " + std::to_string(i)))));
    }
    for (int i = 0; i < 4; ++i) EXPECT_EQ(commands[static_cast<std::size_t>(i)]->finish().code, i);
}

}  // namespace
}  // namespace gatecrash::machines
