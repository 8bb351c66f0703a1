#include "cli/cpu_limit.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

/// Returns the quota that these files, in a folder of their own, give.
std::optional<unsigned> quota_with(const Files& files) {
    std::string pattern = fs::temp_directory_path() / "cpu-limit-XXXXXX";
    const fs::path root = ::mkdtemp(pattern.data());
    for (const auto& [name, content] : files) {
        fs::create_directories((root / name).parent_path());
        std::ofstream(root / name) << content;
    }
    const auto quota = cpu_quota(root);
    fs::remove_all(root);
    return quota;
}

constexpr const char* mine = "proc/self/cgroup";

TEST(CpuQuota, OfVersion2IsTheLeastOnTheWayUp) {
    const Files groups{{mine, "0::/a/b\n"},
                       {"sys/fs/cgroup/a/cpu.max", "250000 100000\n"},
                       {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}};
    EXPECT_EQ(quota_with(groups), 3U) << "rounded up";
    auto tighter = groups;
    tighter["sys/fs/cgroup/a/b/cpu.max"] = "50000 100000\n";
    EXPECT_EQ(quota_with(tighter), 1U) << "at least one";
    auto sibling = groups;
    sibling["sys/fs/cgroup/c/cpu.max"] = "1000 100000\n";
    EXPECT_EQ(quota_with(sibling), 3U) << "of others";
}

TEST(CpuQuota, OfAContainerStandsAtTheRoot) {
    EXPECT_EQ(quota_with({{mine, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "400000 100000\n"}}), 4U);
    const Files without_namespace{{mine, "0::/docker/0123\n"}, {"sys/fs/cgroup/cpu.max", "400000 100000\n"}};
    EXPECT_EQ(quota_with(without_namespace), 4U);
    EXPECT_EQ(quota_with({{mine, "0::/../../x\n"}, {"sys/fs/cgroup/cpu.max", "400000 100000\n"}}), 4U);
}

TEST(CpuQuota, OfVersion1IsThatOfItsCpuController) {
    Files groups{{mine, "12:cpuset:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x\n0::/y\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "600000\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"},
                 {"sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "1\n"},
                 {"sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n"}};
    EXPECT_EQ(quota_with(groups), 6U);
    groups["sys/fs/cgroup/unified/y/cpu.max"] = "200000 100000\n";
    EXPECT_EQ(quota_with(groups), 2U) << "both versions side by side";
}

TEST(CpuQuota, IsNoneIfNothingSaysSo) {
    EXPECT_EQ(quota_with({}), std::nullopt);
    EXPECT_EQ(quota_with({{mine, "0::/a\n"}}), std::nullopt);
    EXPECT_EQ(quota_with({{mine, "0::/a\n"}, {"sys/fs/cgroup/a/cpu.max", "max 100000\n"}}), std::nullopt);
}

TEST(CpuQuota, IsNoneIfTheFilesMakeNoSense) {
    for (const auto* content : {"", "\n", "100000", "100000 0", "0 100000", "-5 100000", "1e5 100000", "100000 much",
                                "99999999999999999999999 100000", "\xff\xff"}) {
        EXPECT_EQ(quota_with({{mine, "0::/\n"}, {"sys/fs/cgroup/cpu.max", content}}), std::nullopt) << content;
    }
    EXPECT_EQ(quota_with({{mine, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "18446744073709551615 1"}}), 4294967295U);
    for (const auto* line : {"", ":", "::", "0:/", "no line", "4:cpu"}) {
        EXPECT_EQ(quota_with({{mine, line}, {"sys/fs/cgroup/x/cpu.max", "100000 100000"}}), std::nullopt) << line;
    }
}

TEST(Cpus, AreThoseThatThisProcessMayUse) {
    EXPECT_GE(cpus_of_process(), 1U);
    EXPECT_LE(cpus_of_process(), 8192U);
}

}  // namespace
}  // namespace gatecrash::cli
