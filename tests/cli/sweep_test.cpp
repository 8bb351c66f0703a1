// Sweeps every variant, on all CPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <thread>

#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Replays the findings of all `results`, and expects the same findings again.
void expect_to_replay(std::span<const json> results) {
    // Starts a command for each CPU, since each command has one machine.
    const std::size_t count = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, results.size());
    std::vector<std::vector<json>> shares(count);
    for (std::size_t i = 0; i < results.size(); ++i) shares[i % count].push_back(results[i]);
    std::list<Command> replays;
    for (const auto& share : shares) {
        Words words{"replay", "--machine", "amd", "--json", "-"};
        for (const auto& result : share) words.push_back(result["finding"]["schedule"]);
        replays.emplace_back(gatecrash(words));
    }
    for (const auto& share : shares) {
        const auto replay = replays.front().finish();
        replays.pop_front();
        ASSERT_EQ(replay.code, 1) << replay.err;
        const auto document = json::parse(replay.out);
        const auto& replayed = document["results"];
        ASSERT_EQ(replayed.size(), share.size());
        for (std::size_t i = 0; i < share.size(); ++i) {
            SCOPED_TRACE(share[i].dump());
            const auto& finding = share[i]["finding"];
            for (const auto* name : {"schedule", "invariant", "message"}) {
                EXPECT_EQ(replayed[i]["finding"][name], finding[name]);
            }
            // The name of the invariant stands in between.
            EXPECT_THAT(replay.err, HasSubstr("breaks " + finding["invariant"].get<std::string>() + " ("));
            EXPECT_THAT(replay.err, HasSubstr("): " + finding["message"].get<std::string>()));
        }
    }
}

/// The number of blocks of variants. Each block is one test, so that a shard of the tests sweeps some of them.
constexpr int blocks = 12;

/// Returns the variants of one block. No block has the reference's own sweep: it takes as long as all others together.
Words variants_of(int block) {
    std::vector<std::pair<int, std::string>> variants;
    const auto document = json::parse(run_gatecrash({"list", "--json", "-"}).out);
    for (const auto& listed : document["cases"]) {
        if (listed["case"] == "reference") continue;
        for (const auto& variant : listed["variants"]) {
            variants.emplace_back(variant["depth"],
                                  listed["case"].get<std::string>() + "/" + variant["variant"].get<std::string>());
        }
    }
    // The deepest sweeps take longest, so they are spread over all blocks.
    std::ranges::stable_sort(variants, std::greater{}, &std::pair<int, std::string>::first);
    Words names;
    for (std::size_t i = 0; i < variants.size(); ++i) {
        if (static_cast<int>(i % blocks) == block) names.push_back(variants[i].second);
    }
    return names;
}

/// Maps variants to the only invariant that each of them breaks. The test requires one for each invariant, which shows
/// that the harness checks each by itself.
const std::map<std::string, std::string> breaks_alone{
    {"syscall/sysret-any-r11", "I1"},
    {"swapgs/cpu-by-tsc-aux", "I2"},
    {"iret/no-fixup-of-ss", "I3"},
    {"int3/no-gap", "I4"},
    {"debug/int1-ignored", "I5"},
    {"nmi/returns-by-sysret", "I6"},
    {"syscall/sysret-with-rf", "I7"},
    {"iret/df-without-ist", "I8"},
    {"iret/fixup-names-the-iret", "I9"},
    {"context-tracking/entered-twice", "I10"},
    {"flags/no-cld", "I11"},
    {"iret/cr2-read-late", "I12"},
    {"iret/no-espfix", "I13"},
    {"sysenter32/popf-sets-if", "I14"},
    {"int3/nmi-writes-idt", "I15"},
    {"vc/nmi-keeps-stack", "I16"},
};

/// These need what QEMU lacks: its SYSCALL clears DF, it loses breakpoints over an exit, so `watch` is refused, and it
/// has no shadow stacks.
bool is_skipped(const std::string& name) {
    return name == "syscall/fmask-without-df" || name.starts_with("watchpoint/") || name.starts_with("shadow-stack/");
}

TEST(Run, HasAVariantForEachInvariant) {
    std::set<std::string> listed, invariants;
    for (int block = 0; block < blocks; ++block) {
        for (auto& name : variants_of(block)) EXPECT_TRUE(listed.insert(name).second) << name;
    }
    EXPECT_THAT(listed, testing::Contains("syscall/fmask-without-df"));
    for (const auto& [name, invariant] : breaks_alone) {
        EXPECT_THAT(listed, testing::Contains(name));
        invariants.insert(invariant);
    }
    for (int i = 1; i <= 16; ++i) EXPECT_THAT(invariants, testing::Contains("I" + std::to_string(i)));
}

class EveryVariant : public testing::TestWithParam<int> {};

/// Sweeps every variant of every case as it describes, to its depth.
TEST_P(EveryVariant, IsAsItExpectsAndItsFindingReplays) {
    const auto variants = variants_of(GetParam());
    ASSERT_FALSE(variants.empty());
    Words words{"run", "--machine", "amd", "--json", "-", "--quiet"};
    words.insert(words.end(), variants.begin(), variants.end());
    const auto run = Command(gatecrash(words)).finish();
    EXPECT_EQ(run.code, 0) << run.err;
    const auto results = json::parse(run.out)["results"];
    EXPECT_EQ(results.size(), variants.size());
    std::vector<json> broken;
    for (const auto& result : results) {
        SCOPED_TRACE(result.dump());
        const auto name = result["case"].get<std::string>() + "/" + result["variant"].get<std::string>();
        EXPECT_EQ(result["status"], is_skipped(name) ? "skip" : "ok");
        if (is_skipped(name)) continue;
        EXPECT_GT(result["schedules"], 0);
        EXPECT_EQ(result["not_exhaustive"], nullptr);
        const auto alone = breaks_alone.find(name);
        if (alone != breaks_alone.end()) {
            EXPECT_EQ(result["finding"]["invariant"], alone->second);
            EXPECT_EQ(result["finding"]["also"], json::array());
        }
        if (result["verdict"] == "holds") continue;
        ASSERT_EQ(result["verdict"], "breaks");
        broken.push_back(result);
    }
    ASSERT_FALSE(broken.empty());
    expect_to_replay(broken);
}

INSTANTIATE_TEST_SUITE_P(Blocks, EveryVariant, testing::Range(0, blocks));

/// Sweeps a part of the reference: the first events on some boundaries, and the second events on all.
TEST(Run, TheReferenceHolds) {
    const auto run =
        run_gatecrash({"run", "reference", "--machine", "amd", "--shard", "3/20", "--json", "-", "--quiet"});
    EXPECT_EQ(run.code, 0) << run.err;
    const auto result = json::parse(run.out)["results"][0];
    EXPECT_EQ(result["verdict"], "holds");
    EXPECT_GT(result["schedules"], 10'000);
}

}  // namespace
}  // namespace gatecrash::cli
