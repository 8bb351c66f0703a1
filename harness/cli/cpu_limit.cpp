#include "cli/cpu_limit.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> positive(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0) return std::nullopt;
    return number;
}

/// Returns the CPUs that a group may use, rounded up: `quota` in each `period`, both in the same unit.
std::optional<unsigned> rounded_up(std::string_view quota, std::string_view period) {
    const auto used = positive(quota), of = positive(period);
    if (!used || !of) return std::nullopt;
    const auto cpus = *used / *of + (*used % *of == 0 ? 0 : 1);
    return static_cast<unsigned>(std::min<std::uint64_t>(cpus, std::numeric_limits<unsigned>::max()));
}

std::string word_of(std::ifstream& file) {
    std::string word;
    file >> word;
    return word;
}

/// Reads "QUOTA PERIOD", or "max PERIOD" if there is no quota.
std::optional<unsigned> quota_of_version_2(const fs::path& group) {
    std::ifstream file(group / "cpu.max");
    const auto quota = word_of(file);
    return rounded_up(quota, word_of(file));
}

/// A quota of -1 means that there is none.
std::optional<unsigned> quota_of_version_1(const fs::path& group) {
    std::ifstream quota(group / "cpu.cfs_quota_us"), period(group / "cpu.cfs_period_us");
    return rounded_up(word_of(quota), word_of(period));
}

bool has_cpu(std::string_view controllers) {
    return ("," + std::string(controllers) + ",").find(",cpu,") != std::string::npos;
}

void lower(std::optional<unsigned>& least, std::optional<unsigned> quota) {
    if (quota) least = std::min(least.value_or(*quota), *quota);
}

/// Looks at the groups from `path` up to the root of the hierarchy, whose folder is `mount`. In a container without a
/// cgroup namespace, `path` belongs to the host and does not exist here. Then only the root counts: it is the
/// container's group.
template <typename Quota>
void lower_by_groups(std::optional<unsigned>& least, const fs::path& mount, const fs::path& path, Quota quota_of) {
    lower(least, quota_of(mount));
    auto group = mount;
    for (const auto& part : path.relative_path()) {
        if (part == "..") return;  // outside the cgroup namespace
        group /= part;
        lower(least, quota_of(group));
    }
}

}  // namespace

unsigned cpus_of_process() {
    constexpr std::size_t most_cpus = 8192;
    std::array<cpu_set_t, most_cpus / CPU_SETSIZE> mask{};
    if (::sched_getaffinity(0, sizeof mask, mask.data()) != 0) return 0;
    return static_cast<unsigned>(CPU_COUNT_S(sizeof mask, mask.data()));
}

std::optional<unsigned> cpu_quota(const fs::path& root) {
    const auto mounts = root / "sys/fs/cgroup";
    std::optional<unsigned> least;
    std::ifstream groups(root / "proc/self/cgroup");
    // Each line is ID:CONTROLLERS:PATH, with no controllers for version 2.
    for (std::string line; std::getline(groups, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string::npos ? first : first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const auto path = line.substr(second + 1);
        if (controllers.empty()) {
            for (const auto& mount : {mounts, mounts / "unified"}) {
                lower_by_groups(least, mount, path, quota_of_version_2);
            }
        } else if (has_cpu(controllers)) {
            for (const auto& mount : {mounts / "cpu", mounts / controllers}) {
                lower_by_groups(least, mount, path, quota_of_version_1);
            }
        }
    }
    return least;
}

}  // namespace gatecrash::cli
