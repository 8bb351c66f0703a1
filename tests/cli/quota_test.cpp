// Sweeps in a control group that may use less time than its workers want.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/amd.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

/// A control group of its own, which may use one CPU's time.
class OneCpuGroup {
  public:
    /// Tries version 1 of control groups, then version 2.
    OneCpuGroup() {
        std::error_code error;
        if (const fs::path mount = "/sys/fs/cgroup/cpu"; fs::is_directory(mount, error)) {
            make(mount, "cpu.cfs_quota_us", "100000");
        } else {
            (void)wrote("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
            make("/sys/fs/cgroup", "cpu.max", "100000 100000");
        }
    }
    ~OneCpuGroup() {
        std::error_code ignored;
        fs::remove(folder_, ignored);
    }
    OneCpuGroup(const OneCpuGroup&) = delete;
    OneCpuGroup& operator=(const OneCpuGroup&) = delete;

    [[nodiscard]] bool is_made() const { return is_made_; }
    /// Returns words that run `words` in this group.
    [[nodiscard]] Words inside(const Words& words) const {
        Words all{"/bin/sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", folder_ / "cgroup.procs"};
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

  private:
    static bool wrote(const fs::path& file, const char* text) {
        std::ofstream stream(file);
        stream << text << std::flush;
        return stream.good();
    }
    void make(const fs::path& mount, const char* quota_file, const char* quota) {
        folder_ = mount / "gatecrash-test";
        std::error_code error;
        fs::create_directory(folder_, error);
        is_made_ = !error && wrote(folder_ / quota_file, quota);
    }

    fs::path folder_;
    bool is_made_ = false;
};

TEST(Quota, OfOneCpuAnd64JobsGiveTheSameDocument) {
    const char* shards = std::getenv("GTEST_TOTAL_SHARDS");
    if (shards != nullptr && std::string(shards) != "1") GTEST_SKIP() << "only `./dev test --all` runs this";
    const OneCpuGroup group;
    if (!group.is_made()) GTEST_SKIP() << "this system does not let this test make a control group";
    const Words what{"run", "nested-nmi/flag-only", "--machine", "amd", "--quiet", "--json", "-"};
    const auto with_jobs = [&](const char* jobs) {
        auto words = what;
        words.insert(words.end(), {"--jobs", jobs});
        return words;
    };
    const auto alone = run_gatecrash(with_jobs("1"));
    ASSERT_EQ(alone.code, 0) << alone.err;
    const auto crowded = Command(group.inside(gatecrash(with_jobs("64")))).finish();
    ASSERT_EQ(crowded.code, 0) << crowded.err;
    EXPECT_EQ(without_seconds(nlohmann::json::parse(crowded.out)), without_seconds(nlohmann::json::parse(alone.out)));
}

}  // namespace
}  // namespace gatecrash::cli
