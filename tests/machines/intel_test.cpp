// Tests what a program sees inside the Intel machine, what comes back from it, and which files and processes remain
// when the machine has ended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"
#include "support/intel.hpp"

namespace gatecrash::machines {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Returns true if `pid` has ended, or ends within two seconds.
bool ends(pid_t pid) {
    for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return ::kill(pid, 0) != 0;
}

/// Returns the sockets of the process `pid` to which another machine, or another user of this one, could connect.
std::vector<std::string> listening_sockets(pid_t pid) {
    std::vector<std::string> found;
    for (const auto* table : {"tcp", "tcp6", "udp", "udp6"}) {
        std::ifstream lines(fs::path("/proc") / std::to_string(pid) / "net" / table);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::string word, inode;
            for (int i = 0; i < 10 && words >> word; ++i) inode = word;
            for (const auto& fd : fs::directory_iterator(fs::path("/proc") / std::to_string(pid) / "fd")) {
                std::error_code gone;
                if (fs::read_symlink(fd, gone) == "socket:[" + inode + "]") found.push_back(line);
            }
        }
    }
    return found;
}

TEST_F(Intel, CarriesEverythingInAndOutAndPassesASignalOn) {
    const auto input = folder_.file("in", std::string("any\0byte\xff", 9));
    const auto output = (folder_.path() / "out").string();
    Command command(in_intel({"--input", input + "=/tmp/in", "--output", "/tmp/out=" + output, "--env", "ASKED=a b",
                              "/bin/sh", "-c",
                              "trap 'echo caught; exit 73' TERM; read x </tmp/in; printf 'x\\0y' >/tmp/out; "
                              "echo to err >&2; pwd; echo \"$ASKED $0 $1\"; while :; do :; done",
                              "name", "a  word"}));
    command.wait_for_output("a b name a  word\n");
    const auto emulators = emulators_of(command.pid());
    ASSERT_THAT(emulators, SizeIs(1));
    EXPECT_THAT(listening_sockets(emulators[0]), IsEmpty());
    command.signal(SIGTERM);
    const auto result = command.finish();
    EXPECT_EQ(result.code, 73);
    EXPECT_EQ(result.out, fs::current_path().string() + "\na b name a  word\ncaught\n");
    EXPECT_EQ(result.err, "to err\n") << "the emulator says nothing";
    EXPECT_EQ(posix::read_file(output), std::string("x\0y", 3));
    EXPECT_TRUE(ends(emulators[0]));
}

TEST_F(Intel, DiesWithTheProgramThatStartedIt) {
    Command command(shell("echo ready; while :; do :; done"));
    command.wait_for_output("ready\n");
    const auto emulators = emulators_of(command.pid());
    ASSERT_THAT(emulators, SizeIs(1));
    command.signal(SIGKILL);
    EXPECT_EQ(command.finish().code, 128 + SIGKILL);
    EXPECT_TRUE(ends(emulators[0])) << "Bochs is still there";
}

TEST_F(Intel, ASignalEndsItWhileItBoots) {
    Command command(shell("exit 0"));
    std::vector<pid_t> emulators;
    for (int i = 0; i < 500 && emulators.empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        emulators = emulators_of(command.pid());
    }
    ASSERT_THAT(emulators, SizeIs(1));
    const auto start = std::chrono::steady_clock::now();
    command.signal(SIGINT);
    EXPECT_EQ(command.finish().code, 128 + SIGINT);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    EXPECT_TRUE(ends(emulators[0]));
}

TEST_F(Intel, IsFit) {
    const auto result = cli::run_gatecrash({"doctor", "--machine", "intel", "--json", "-"});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto machine = json::parse(result.out)["machine"];
    EXPECT_EQ(machine["name"], "intel");
    EXPECT_EQ(machine["kvm"], "kvm_intel");
    EXPECT_EQ(machine["emulated"], true);
    // These behaviours differ from real hardware. docs/explanation/machines.md explains why.
    std::map<std::string, std::string> gaps{
        {"unmapped-pages-leave-no-rf",
         "NMI, RIP after the doorbell, RF clear, then #BP, RIP after the INT3, RF clear, "
         "then NMI, RIP after the doorbell, RF set, then #BP, RIP after the INT3, RF set"},
        {"mov-ss-shadow", "vector 0x40, RIP after the INT"},
        {"smap", "#GP, RIP at the MOV to CR4, error 0x0"},
        {"shadow-stacks", "KVM offers no shadow stacks"},
        {"shadow-stack-from-user", "KVM offers no shadow stacks"},
        {"shadow-stack-of-ist", "KVM offers no shadow stacks"},
        {"busy-shadow-stack", "KVM offers no shadow stacks"},
        {"shadow-stack-of-iret", "KVM offers no shadow stacks"},
        {"ssp-over-syscall", "KVM offers no shadow stacks"},
        {"tf-in-fmask", "#DB, RIP at the SYSCALL entry, CPL 0, DR6.BS"},
        {"tf-over-sysret", "#DB, RIP after the first user instruction, CPL 3, DR6.BS"},
        {"tf-with-btf", "#DB, RIP one instruction after the POPF, CPL 0, DR6.BS"},
        {"sysret-clears-rf", "vector 0x40, RIP after the INT"},
        {"sysret-ss-attributes", "#PF, RIP at the PUSH"},
        {"irq-before-code-breakpoint", "#DB, RIP at the breakpoint, then vector 0x20, RIP at the breakpoint"},
    };
    // Debian 12 has Bochs 2.7, which is the machine where Bochs 3.0 could not be downloaded.
    if (find_machine("intel")->emulator.empty()) {
        gaps["nmi-mask-over-entry"] =
            "NMI, RIP after the doorbell, then #DB, RIP after the doorbell, then NMI, RIP after the doorbell";
        gaps.erase("unmapped-pages-leave-no-rf");
        gaps["exit-leaves-no-trap"] = "#DB, RIP after the doorbell";
        gaps["rf-between-iterations"] = "#DB, RIP at the instruction, RF clear";
        gaps["tf-over-exit"] = "#DB, RIP at the first user instruction, CPL 3, DR6.BS";
    }
    for (const auto& [name, as_on_silicon] : machine["behaviours"].items()) {
        const auto gap = gaps.find(name);
        EXPECT_EQ(as_on_silicon.get<bool>(), gap == gaps.end()) << name << ": " << machine["answers"][name];
        if (gap == gaps.end()) continue;
        EXPECT_EQ(machine["answers"][name], gap->second) << name;
    }
    EXPECT_TRUE(machine["behaviours"].contains("exception-payload")) << "the last one";
}

}  // namespace
}  // namespace gatecrash::machines
