// Steps, counts and sweeps in the Intel machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"
#include "support/intel.hpp"

namespace gatecrash::machines {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::SizeIs;

class IntelSweeps : public Intel {};

/// Runs the tests of stepping, and of state that a step or an NMI may leave to the next guest. All of guest-tests
/// passes here as well, but takes longer than all other tests.
TEST_F(IntelSweeps, StepWithoutATrace) {
    const auto result =
        Command(in_intel({GUEST_TESTS,
                          "--gtest_filter=*Stepping*:OwnTrapFlag.*:Nmi.*:*ALoopOfWbinvdInTheHandler*:UnmappedPages.*"}))
            .finish();
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    for (const auto* suite :
         {"] Nmi.", "] OwnTrapFlag.", "] Both/Stepping.", "] UnmappedPages.", "] Explore/HostileGuests."}) {
        EXPECT_THAT(result.out, HasSubstr(std::string("[       OK ") + suite));
    }
}

/// Runs the tests that need shadow stacks on a machine that has them.
TEST_F(IntelSweeps, FollowShadowStacks) {
    if (find_machine("intel-tigerlake") == nullptr) GTEST_SKIP() << "no machine: ./dev setup --machines";
    const auto result =
        Command(machine_run({"--machine", "intel-tigerlake", GUEST_TESTS, "--gtest_filter=ShadowStacks.*"})).finish();
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("[  PASSED  ] 6 tests"));
}

/// Returns the results of one machine by variant, without the values that differ from run to run.
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

/// Returns the schedule of the finding, or "" if the variant holds.
std::string schedule_of(const json& result) {
    return result["finding"].is_null() ? "" : result["finding"]["schedule"].get<std::string>();
}

/// Measures paths that only Intel CPUs have.
TEST_F(IntelSweeps, CountThePathsOfAnIntelCpu) {
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

/// The output of a `gatecrash run` on every machine, and the results of the two emulated ones by variant.
struct SideBySide {
    std::string out;
    std::map<std::string, json> amd, intel;
};

SideBySide run_on_both(cli::Words patterns) {
    const TemporaryFolder folder;
    const auto path = (folder.path() / "results.json").string();
    patterns.insert(patterns.begin(), "run");
    patterns.insert(patterns.end(), {"--jobs", "1", "--machine", "all", "--json", path});
    const auto run = cli::run_gatecrash(patterns);
    EXPECT_EQ(run.code, 0) << run.out << run.err;
    const auto document = json::parse(posix::read_file(path));
    SideBySide both{run.out, results_on(document, "amd"), results_on(document, "intel")};
    EXPECT_EQ(both.amd.size(), both.intel.size());
    for (const auto& [name, result] : both.intel) EXPECT_EQ(result["status"], "ok") << result;
    for (const auto& [name, result] : both.amd) {
        EXPECT_EQ(result["status"], name.starts_with("watchpoint/") ? "skip" : "ok") << result;
    }
    return both;
}

TEST_F(IntelSweeps, GiveTheResultsOfAmd) {
    const auto both = run_on_both({"nested-nmi/flag-only", "faulting-iret", "nmi32"});
    for (const auto* same : {"nested-nmi/flag-only", "faulting-iret/masked-until-return", "faulting-iret/task-stack",
                             "nmi32/reference", "nmi32/bodies-nest"}) {
        EXPECT_EQ(both.amd.at(same), both.intel.at(same));
    }
    EXPECT_THAT(both.intel, SizeIs(5));
}

TEST_F(IntelSweeps, DifferWhereTheManualsDiffer) {
    const auto both = run_on_both({"sysenter", "sysret", "compat-syscall", "watchpoint/reference",
                                   "watchpoint/descriptor", "watchpoint/frame-of-exit"});
    ASSERT_THAT(both.intel, SizeIs(11));
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
        EXPECT_EQ(schedule_of(both.amd.at(each.variant)), each.on_amd);
        EXPECT_EQ(schedule_of(both.intel.at(each.variant)), each.on_intel);
        EXPECT_THAT(both.out, HasSubstr(std::string("\n") + each.variant + " differs as expected\n"));
    }
    EXPECT_THAT(both.out, HasSubstr("AMD's SYSRET does not check RCX"));
    EXPECT_THAT(both.out, HasSubstr("Intel's SYSRET raises #GP at CPL 0 for such a RIP"));
    EXPECT_EQ(both.intel.at("watchpoint/reference")["schedules"], 154);
    const std::map<std::string, std::string> loops{
        {"watchpoint/descriptor", "the run never ends: an endless loop through entry_db+0x10"},  // after LSL
        {"watchpoint/frame-of-exit",
         "handlers run over and over: 63 log records without an END; vector 1 comes again"}};
    for (const auto& [variant, message] : loops) {
        EXPECT_EQ(both.intel.at(variant)["finding"]["invariant"], "I7");
        EXPECT_THAT(both.intel.at(variant)["finding"]["message"], testing::StartsWith(message));
    }
}

/// KVM takes the #DBs while the harness steps with TF, and the stepper gives them back to the guest.
TEST_F(IntelSweeps, StepOverArmedWatchpointsWithTheTrapFlag) {
    const auto replay = cli::run_gatecrash({"replay", "debug/reference@watch=0x500fb0:user_copy", "--stepper",
                                            "trap-flag", "--machine", "intel", "--trace"});
    EXPECT_EQ(replay.code, 0) << replay.err;
    EXPECT_THAT(replay.out, HasSubstr("back to copy_from_user+0x3\n")) << "after the read";
}

}  // namespace
}  // namespace gatecrash::machines
