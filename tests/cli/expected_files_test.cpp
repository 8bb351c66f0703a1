// `gatecrash run FILE...`, in shards and with interruptions. The guests are ELF files with expectations beside them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/amd.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

/// Makes a file with two quick sweeps, and one with a sweep that takes seconds.
class ExpectedFiles : public testing::Test {
  protected:
    void SetUp() override {
        fs::copy_file(GUEST, quick_);
        fs::copy_file(GUEST, slow_);
        expect(quick_, "nmi depth 1 breaks I4 at nmi:nmi_iret\nirq depth 1 holds\n");
        expect(slow_, "db depth 2 window entry_nmi..nmi_iret holds\n");
    }

    static void expect(const std::string& guest, const std::string& lines) {
        std::ofstream(guest + ".expect") << lines;
    }
    Words run(const Words& more = {}) const {
        Words words{"run", quick_, slow_};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }

    TemporaryFolder folder_;
    std::string quick_ = folder_.path() / "quick.elf", slow_ = folder_.path() / "slow.elf";
};

TEST_F(ExpectedFiles, MergeFromTheirShards) {
    expect_merged_shards_to_be(run());
    // Each shard may miss what is expected, so only the whole can refute this.
    expect(quick_, "irq depth 1 breaks I4 at irq:nmi_iret\n");
    expect_merged_shards_to_be({"run", quick_});
    EXPECT_EQ(run_on_amd({"run", quick_}).code, 1);
}

TEST_F(ExpectedFiles, ResumeWhereTheyWereInterrupted) {
    const auto path = folder_.path() / "work";
    auto first = run({"--resume", path});
    first.insert(first.begin() + 1, {"--machine", "amd", "--jobs", "2"});
    Command command(gatecrash(first));
    command.wait_for_output("irq depth 1");  // and into the sweep of the second file
    wait_for_a_save(path);
    command.signal(SIGINT);
    const auto broken_off = command.finish();
    EXPECT_EQ(broken_off.code, 128 + SIGINT);
    EXPECT_THAT(broken_off.out, HasSubstr("3 variants: 2 ok, 0 unexpected, 1 skipped"));

    const auto rest = run_on_amd(run({"--resume", path, "--json", "-"}));
    EXPECT_EQ(rest.code, 0) << rest.err;
    const auto whole = run_on_amd(run({"--json", "-"}));
    EXPECT_EQ(without_seconds(json::parse(rest.out)), without_seconds(json::parse(whole.out)));
}

/// Results of other expectations must not count as results of these.
TEST_F(ExpectedFiles, AreSweptAnewWhenTheirExpectationsChanged) {
    expect(quick_, "irq depth 1 holds\n");
    const auto path = folder_.path() / "work";
    EXPECT_EQ(run_on_amd({"run", quick_, "--resume", path}).code, 0);
    Words merge{"merge"};
    for (const auto* shard : {"1/2", "2/2"}) {
        merge.push_back(folder_.path() / std::string(shard, 1));
        EXPECT_EQ(run_on_amd({"run", quick_, "--shard", shard, "--json", merge.back()}).code, 0);
    }
    EXPECT_EQ(run_gatecrash(merge).code, 0);

    expect(quick_, "nmi depth 1 holds\n");  // which it does not
    const auto resumed = run_on_amd({"run", quick_, "--resume", path});
    EXPECT_EQ(resumed.code, 2) << resumed.out;
    EXPECT_THAT(resumed.err, HasSubstr("its guests or their expectation files have changed since"));
    const auto merged = run_gatecrash(merge);
    EXPECT_EQ(merged.code, 2) << merged.out;
    EXPECT_THAT(merged.err, HasSubstr(quick_ + " or " + quick_ + ".expect has changed since: run all shards again"));
    // Two shards of different sweeps.
    EXPECT_EQ(run_on_amd({"run", quick_, "--shard", "2/2", "--json", merge.back()}).code, 1);
    const auto mixed = run_gatecrash(merge);
    EXPECT_EQ(mixed.code, 2) << mixed.out;
    EXPECT_THAT(mixed.err, HasSubstr("its guest, or the sweep of it, differs from that in " + merge[1]));
}

}  // namespace
}  // namespace gatecrash::cli
