// The Intel machine: what a program sees inside, what comes back, and what is left of it.

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

#include "gatecrash/emulator/run.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::emulator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Intel : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto missing = missing_for_machine(MachineKind::intel)) {
            GTEST_SKIP() << missing->what() << ": " << missing->remedy();
        }
    }

    static std::vector<std::string> in_intel(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--machine", "intel"});
        return machine_run(arguments);
    }
    static std::vector<std::string> shell(const std::string& script) { return in_intel({"/bin/sh", "-c", script}); }

    TemporaryFolder folder_;
};

/// Whether `pid` is gone, or goes within two seconds.
bool ends(pid_t pid) {
    for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return ::kill(pid, 0) != 0;
}

/// The sockets of the process `pid` that another machine, or another user of this one, could connect to.
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
    EXPECT_EQ(read_file(output), std::string("x\0y", 3));
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
    // What differs from silicon. docs/machines.md says why.
    const std::map<std::string, std::string> gaps{
        {"nmi-mask-over-entry",
         "NMI, RIP behind the doorbell, then #DB, RIP behind the doorbell, then NMI, RIP behind the doorbell"},
        {"mov-ss-shadow", "vector 0x40, RIP behind the INT"},
        {"smap", "#GP, RIP at the MOV to CR4, error 0x0"},
        {"tf-in-fmask", "#DB, RIP at the SYSCALL entry, CPL 0, DR6.BS"},
        {"tf-over-sysret", "#DB, RIP behind the first user instruction, CPL 3, DR6.BS"},
        {"tf-with-btf", "#DB, RIP one instruction behind the POPF, CPL 0, DR6.BS"},
        {"tf-over-exit", "#DB, RIP at the first user instruction, CPL 3, DR6.BS"},
        {"sysret-clears-rf", "vector 0x40, RIP behind the INT"},
        {"sysret-ss-attributes", "#PF, RIP at the PUSH"},
        {"irq-before-code-breakpoint", "#DB, RIP at the breakpoint, then vector 0x20, RIP at the breakpoint"},
    };
    for (const auto& [name, as_on_silicon] : machine["behaviours"].items()) {
        const auto gap = gaps.find(name);
        EXPECT_EQ(as_on_silicon.get<bool>(), gap == gaps.end()) << name << ": " << machine["answers"][name];
        if (gap == gaps.end()) continue;
        EXPECT_EQ(machine["answers"][name], gap->second) << name;
    }
    EXPECT_TRUE(machine["behaviours"].contains("exception-payload")) << "the last one";
}

/// The tests of stepping, and of what a step or an NMI may leave to the next machine. All of guest-tests passes here,
/// too, but takes longer than everything else.
TEST_F(Intel, IsSteppedWithoutATrace) {
    const auto result =
        Command(in_intel({GUEST_TESTS, "--gtest_filter=*Stepping*:OwnTrapFlag.*:Nmi.*:*ALoopOfWbinvdInTheHandler*"}))
            .finish();
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    for (const auto* suite : {"] Nmi.", "] OwnTrapFlag.", "] Both/Stepping.", "] Explore/HostileGuests."}) {
        EXPECT_THAT(result.out, HasSubstr(std::string("[       OK ") + suite));
    }
}

/// By variant, without what depends on time.
std::map<std::string, json> results_on(const json& document, const std::string& machine) {
    std::map<std::string, json> results;
    for (const auto& each : document["machines"]) {
        if (each["machine"]["name"] != machine) continue;
        for (auto result : each["results"]) {
            result.erase("seconds");
            result.erase("spent");
            results[result["case"].get<std::string>() + "/" + result["variant"].get<std::string>()] = result;
        }
    }
    return results;
}

/// The schedule of the finding; "" if the variant holds.
std::string schedule_of(const json& result) {
    return result["finding"].is_null() ? "" : result["finding"]["schedule"].get<std::string>();
}

/// What the amd machine's CPU has not.
TEST_F(Intel, CountsTheWaysOfAnIntelCpu) {
    const auto result = cli::run_gatecrash(
        {"bench", "sysenter-sysexit*", "bp+cr3-pcid", "bp", "--machine", "intel", "--json", "-", "--quiet"});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto document = json::parse(result.out);
    std::map<std::string, int> counts;
    for (const auto& figure : document["results"]) counts[figure["name"]] = figure["median"];
    EXPECT_EQ(counts["sysenter-sysexit"], 2);
    EXPECT_EQ(counts["sysenter-sysexit+swapgs"], 4);
    EXPECT_EQ(counts["sysenter-sysexit+save+clear"], 47);
    EXPECT_EQ(counts["bp"], 2);
    EXPECT_EQ(counts["bp+cr3-pcid"], 8);
}

TEST_F(Intel, SweepsAsAmdDoesButWhereTheManualsDiffer) {
    const auto path = (folder_.path() / "results.json").string();
    const auto run =
        cli::run_gatecrash({"run", "nested-nmi/flag-only", "faulting-iret", "sysenter", "sysret", "compat-syscall",
                            "nmi32", "watchpoint/reference", "watchpoint/descriptor", "watchpoint/frame-of-exit",
                            "--jobs", "1", "--machine", "all", "--json", path});
    EXPECT_EQ(run.code, 0) << run.out << run.err;
    const auto document = json::parse(read_file(path));
    const auto amd = results_on(document, "amd"), intel = results_on(document, "intel");
    ASSERT_THAT(amd, SizeIs(16));
    ASSERT_THAT(intel, SizeIs(16));
    for (const auto& [name, result] : intel) EXPECT_EQ(result["status"], "ok") << result;
    for (const auto& [name, result] : amd) {
        EXPECT_EQ(result["status"], name.starts_with("watchpoint/") ? "skip" : "ok") << result;
    }
    for (const auto* same : {"nested-nmi/flag-only", "faulting-iret/masked-until-return", "faulting-iret/task-stack",
                             "nmi32/reference", "nmi32/bodies-nest"}) {
        EXPECT_EQ(amd.at(same), intel.at(same));
    }
    struct {
        const char *variant, *on_amd, *on_intel;
    } const differ[]{
        {"compat-syscall/no-cstar", "compat-syscall/no-cstar", ""},
        {"sysenter/db-judges-by-cs", "sysenter/db-judges-by-cs@db:entry_ud",
         "sysenter/db-judges-by-cs@db:entry_sysenter"},
        {"sysret/check-off-by-one", "", "sysret/check-off-by-one"},
        {"sysret/unchecked", "", "sysret/unchecked"},
        {"sysret/unchecked-last-page", "", "sysret/unchecked-last-page"},
    };
    for (const auto& each : differ) {
        EXPECT_EQ(schedule_of(amd.at(each.variant)), each.on_amd);
        EXPECT_EQ(schedule_of(intel.at(each.variant)), each.on_intel);
        EXPECT_THAT(run.out, HasSubstr(std::string("\n") + each.variant + " differs as expected\n"));
    }
    EXPECT_THAT(run.out, HasSubstr("SYSRET does not look at RCX there"));
    EXPECT_THAT(run.out, HasSubstr("Intel's SYSRET raises #GP at CPL 0 for it"));
    EXPECT_EQ(intel.at("watchpoint/reference")["schedules"], 154);
    const std::map<std::string, std::string> loops{
        {"watchpoint/descriptor", "the run never ends: an endless loop through entry_db+0x10"},  // behind LSL
        {"watchpoint/frame-of-exit", "handlers run over and over: 63 log records without an END"}};
    for (const auto& [variant, message] : loops) {
        EXPECT_EQ(intel.at(variant)["finding"]["invariant"], "I7");
        EXPECT_EQ(intel.at(variant)["finding"]["message"], message);
    }
}

/// KVM takes the #DBs while it steps with TF; they are given back to the guest.
TEST_F(Intel, StepsOverArmedWatchpointsWithTheTrapFlag) {
    const auto replay = cli::run_gatecrash({"replay", "debug/reference@watch=0x500fb0:user_copy", "--stepper",
                                            "trap-flag", "--machine", "intel", "--trace"});
    EXPECT_EQ(replay.code, 0) << replay.err;
    EXPECT_THAT(replay.out, HasSubstr("back to copy_from_user+0x3 CS 0x10")) << "behind the read";
}

}  // namespace
}  // namespace gatecrash::emulator
