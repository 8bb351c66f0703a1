#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "finding_group.hpp"
#include "gatecrash/explore/sweep.hpp"

namespace gatecrash::explore {
namespace {

/// The first length at which a shard found something, or else to which they were swept.
unsigned depth_of(std::span<const SweepResult> shards) {
    unsigned depth = 0;
    for (const auto& shard : shards) depth = std::max(depth, shard.depth);
    for (const auto& shard : shards) {
        if (!shard.findings.empty()) depth = std::min(depth, shard.depth);
    }
    return depth;
}

/// The findings of all shards at `depth`, in the order of the sweep. A group that two shards found stands where it was
/// found first.
std::vector<Finding> merge_findings(std::span<const SweepResult> shards, unsigned depth) {
    std::vector<Finding> all;
    for (const auto& shard : shards) {
        if (shard.depth == depth) all.insert(all.end(), shard.findings.begin(), shard.findings.end());
    }
    // Within one first event, the order of its shard.
    std::ranges::stable_sort(all, {}, &Finding::order);
    std::vector<Finding> merged;
    std::map<FindingGroup, std::size_t> groups;
    for (auto& finding : all) {
        const auto [group, is_new] =
            groups.try_emplace(group_of(finding.window, finding.schedule.landings), merged.size());
        if (is_new) {
            merged.push_back(std::move(finding));
        } else {
            merged[group->second].schedules += finding.schedules;
        }
    }
    return merged;
}

std::uint64_t boundaries_of(const SweepResult& sweep) {
    std::uint64_t count = 0;
    for (std::uint64_t boundary = 0; boundary < sweep.boundaries; ++boundary)
        count += sweep.shard.has(boundary) ? 1 : 0;
    return count;
}

/// At the shortest length that a shard did not get to the end of.
std::optional<Coverage> merge_coverage(std::span<const SweepResult> shards) {
    std::optional<Coverage> whole;
    for (const auto& shard : shards) {
        if (!shard.not_exhaustive || (whole && whole->depth <= shard.not_exhaustive->depth)) continue;
        whole = Coverage{shard.not_exhaustive->depth, 0, 0};
    }
    if (!whole) return whole;
    for (const auto& shard : shards) {
        const bool here = shard.not_exhaustive && shard.not_exhaustive->depth == whole->depth;
        const auto of = here ? shard.not_exhaustive->of : boundaries_of(shard);
        whole->of += of;
        whole->boundaries += here ? shard.not_exhaustive->boundaries : of;
    }
    return whole;
}

}  // namespace

std::string to_string(Shard shard) { return fmt::format("{}/{}", shard.index, shard.count); }

std::optional<Shard> parse_shard(std::string_view text) {
    Shard shard;
    const auto* const end = text.data() + text.size();
    const auto index = std::from_chars(text.data(), end, shard.index);
    if (index.ec != std::errc{} || index.ptr == end || *index.ptr != '/') return std::nullopt;
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    if (count.ec != std::errc{} || count.ptr != end || shard.index < 1 || shard.index > shard.count)
        return std::nullopt;
    return shard;
}

SweepResult merge(std::span<const SweepResult> shards) {
    SweepResult whole;
    whole.depth = depth_of(shards);
    whole.findings = merge_findings(shards, whole.depth);
    whole.levels.resize(whole.depth + 1);
    for (const auto& shard : shards) {
        whole.boundaries = std::max(whole.boundaries, shard.boundaries);
        whole.interrupted |= shard.interrupted && shard.depth <= whole.depth;
        for (std::size_t i = 0; i < std::min(whole.levels.size(), shard.levels.size()); ++i) {
            whole.levels[i].schedules += shard.levels[i].schedules;
            whole.levels[i].pruned += shard.levels[i].pruned;
        }
    }
    whole.not_exhaustive = merge_coverage(shards);
    for (const auto& level : whole.levels) {
        whole.schedules += level.schedules;
        whole.pruned += level.pruned;
    }
    return whole;
}

}  // namespace gatecrash::explore
