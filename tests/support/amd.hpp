// For tests of what commands write when they sweep on the AMD machine.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {

/// Returns the document without the values that differ from run to run.
inline std::string without_seconds(nlohmann::json document) {
    for (auto& result : document["results"]) {
        result.erase("seconds");
        result.erase("spent");
    }
    return document.dump();
}

/// With one worker, if nothing else is said: what is swept here takes less time than the start of a machine.
inline Result run_on_amd(Words arguments) {
    const auto says = [&](const char* option) { return std::ranges::find(arguments, option) != arguments.end(); };
    if (!says("--jobs") && !says("--resume")) arguments.insert(arguments.begin() + 1, {"--jobs", "1"});
    arguments.insert(arguments.begin() + 1, {"--machine", "amd"});
    return run_gatecrash(arguments);
}

inline nlohmann::json read_json(const std::filesystem::path& path) {
    return nlohmann::json::parse(posix::read_file(path));
}

/// Runs `words` whole and in shards, and expects the shards' whole to be the same.
inline void expect_merged_shards_to_be(const Words& words) {
    SCOPED_TRACE(testing::PrintToString(words));
    const TemporaryFolder folder;
    const auto with = [&](const Words& more) {
        auto all = words;
        all.insert(all.end(), more.begin(), more.end());
        return run_on_amd(all);
    };
    const auto whole = with({"--json", "-"});
    Words merge{"merge", "--json", "-"};
    for (const auto* shard : {"2/2", "1/2"}) {
        merge.push_back(folder.path() / (std::string(shard, 1) + ".json"));
        const auto part = with({"--shard", shard, "--json", merge.back()});
        EXPECT_THAT(part.code, testing::AnyOf(0, whole.code)) << part.err;
        const auto result = read_json(merge.back())["results"][0];
        EXPECT_EQ(result["shard"], shard);
        EXPECT_FALSE(result["levels"].empty());
    }
    const auto merged = run_gatecrash(merge);
    EXPECT_EQ(merged.code, whole.code) << merged.err;
    EXPECT_EQ(without_seconds(nlohmann::json::parse(merged.out)), without_seconds(nlohmann::json::parse(whole.out)));
}

/// The first save of a sweep that has run something, waited for.
inline void wait_for_a_save(const std::filesystem::path& path) {
    const auto has_saved = [&] {
        if (!std::filesystem::exists(path)) return false;
        const auto journal = read_json(path);
        for (const auto& worker : journal["workers"]) {
            if (!worker["at"].is_null() && worker["at"]["checkpoint"]["result"]["schedules"] > 1) return true;
        }
        return false;
    };
    for (int i = 0; i < 6000 && !has_saved(); ++i) ::usleep(10'000);
    EXPECT_TRUE(has_saved());
}

}  // namespace gatecrash::cli
