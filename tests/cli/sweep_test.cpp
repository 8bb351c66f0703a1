// The sweeps of every variant, which take all CPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <thread>

#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Replays the finding of each of `results` at once, and expects to see them again.
void expect_to_replay(std::span<const json> results) {
    // A command for each CPU, since each has one machine.
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
            EXPECT_THAT(replay.err, HasSubstr("breaks " + finding["invariant"].get<std::string>() + ": " +
                                              finding["message"].get<std::string>()));
        }
    }
}

/// Every case but the reference's own sweep, which takes as long as all others together.
Words quick_cases() {
    Words names;
    const auto document = json::parse(run_gatecrash({"list", "--json", "-"}).out);
    for (const auto& listed : document["cases"]) {
        if (listed["case"] != "reference") names.push_back(listed["case"]);
    }
    return names;
}

/// The main job: every variant of every case, each swept to its depth and as it says.
TEST(Run, EveryVariantIsAsItExpectsAndEveryFindingReplays) {
    Words words{"run", "--machine", "amd", "--json", "-", "--quiet"};
    for (const auto& name : quick_cases()) words.push_back(name);
    const auto run = Command(gatecrash(words)).finish();
    EXPECT_EQ(run.code, 0) << run.err;
    const auto results = json::parse(run.out)["results"];
    EXPECT_FALSE(results.empty());
    std::vector<json> broken;
    std::set<std::string> broken_alone, skipped;
    for (const auto& result : results) {
        SCOPED_TRACE(result.dump());
        if (result["status"] == "skip") {
            skipped.insert(result["case"].get<std::string>() + "/" + result["variant"].get<std::string>());
            continue;
        }
        EXPECT_EQ(result["status"], "ok");
        EXPECT_GT(result["schedules"], 0);
        EXPECT_EQ(result["not_exhaustive"], nullptr);
        if (result["verdict"] == "holds") continue;
        ASSERT_EQ(result["verdict"], "breaks");
        broken.push_back(result);
        if (result["finding"]["also"].empty()) broken_alone.insert(result["finding"]["invariant"]);
    }
    // QEMU's SYSCALL clears DF; it loses breakpoints over an exit, without which this machine has no `watch`.
    std::erase_if(skipped, [](const std::string& name) { return name.starts_with("watchpoint/"); });
    EXPECT_THAT(skipped, testing::ElementsAre("syscall/fmask-without-df"));
    for (int i = 1; i <= 16; ++i) EXPECT_THAT(broken_alone, testing::Contains("I" + std::to_string(i)));
    ASSERT_FALSE(broken.empty());
    expect_to_replay(broken);
}

/// A part of it: the first events on some boundaries, and the second ones on all.
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
