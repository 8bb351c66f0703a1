#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "sweep/finding_group.hpp"
#include "sweep/merge.hpp"

namespace gatecrash::sweep {
namespace {

/// Returns the first length at which a shard found something, or else the longest length that was swept.
unsigned depth_of(std::span<const SweepResult> shards) {
    unsigned depth = 0;
    for (const auto& shard : shards) depth = std::max(depth, shard.depth);
    for (const auto& shard : shards) {
        if (!shard.findings.empty()) depth = std::min(depth, shard.depth);
    }
    return depth;
}

/// Returns the findings of all shards at `depth`, in the order of the sweep. A group that two shards found stands where
/// it was found first.
std::vector<Finding> merge_findings(std::span<const SweepResult> shards, unsigned depth) {
    std::vector<Finding> all;
    for (const auto& shard : shards) {
        if (shard.depth == depth) all.insert(all.end(), shard.findings.begin(), shard.findings.end());
    }
    // Findings with the same first event keep the order of their shard.
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

/// Joins the stretches of all shards at one length into those of an undivided sweep.
class Joiner {
  public:
    /// Stops at the finding with number `max_findings`; 0: never.
    explicit Joiner(std::uint64_t max_findings) : max_findings_(max_findings) {}

    void join(std::span<const SweepResult> shards, std::size_t length) {
        for (const auto& part : in_order(shards, length)) {
            add(part);
            if (is_stopped_) return;
        }
    }

    [[nodiscard]] Level level() const {
        Level level;
        for (const auto& stretch : stretches_) {
            level.schedules += stretch.schedules;
            level.pruned += stretch.pruned;
        }
        level.stretches = stretches_;
        return level;
    }
    [[nodiscard]] std::vector<Finding> findings() const { return findings_; }
    /// Returns the block in which the undivided sweep stops. Empty if it does not stop early.
    [[nodiscard]] std::optional<std::uint64_t> stopped_in() const {
        return is_stopped_ ? std::optional(stretches_.back().block) : std::nullopt;
    }

  private:
    /// A stretch, with the findings of its shard.
    struct Part {
        const Stretch& stretch;
        std::span<const Finding> findings;  ///< all that the shard has at this length
        std::size_t next = 0;               ///< index of the finding that ends the stretch, if one does
    };

    /// Sorts by block only: a block belongs to one shard, and the stretches of a shard are in order.
    static std::vector<Part> in_order(std::span<const SweepResult> shards, std::size_t length) {
        std::multimap<std::uint64_t, Part> parts;
        for (const auto& shard : shards) {
            if (shard.levels.size() <= length) continue;
            const auto findings = shard.depth == length ? std::span(shard.findings) : std::span<const Finding>();
            std::size_t next = 0;
            for (const auto& stretch : shard.levels[length].stretches) {
                parts.emplace(stretch.block, Part{stretch, findings, next});
                next += stretch.finds ? 1 : 0;
            }
        }
        std::vector<Part> ordered;
        ordered.reserve(parts.size());
        for (const auto& [block, part] : parts) ordered.push_back(part);
        return ordered;
    }

    void add(const Part& part) {
        const auto& stretch = part.stretch;
        if (stretches_.empty() || stretches_.back().block != stretch.block) stretches_.push_back({stretch.block});
        stretches_.back().schedules += stretch.schedules;
        stretches_.back().pruned += stretch.pruned;
        for (const auto& [index, count] : stretch.alike) count_alike(part.findings[index], count);
        if (stretch.finds) add(part.findings[part.next]);
    }

    void count_alike(const Finding& finding, std::uint64_t count) {
        const auto group = groups_.at(group_of(finding.window, finding.schedule.landings));
        findings_[group].schedules += count;
        stretches_.back().alike[group] += count;
    }

    /// Adds a finding that is new to its shard. It may be like an earlier finding of another shard.
    void add(const Finding& finding) {
        const auto group = group_of(finding.window, finding.schedule.landings);
        if (!groups_.try_emplace(group, findings_.size()).second) {
            count_alike(finding, 1);
            return;
        }
        findings_.push_back(finding);
        findings_.back().schedules = 1;
        stretches_.back().finds = true;
        is_stopped_ = findings_.size() == max_findings_;
        if (!is_stopped_) stretches_.push_back({stretches_.back().block});
    }

    std::uint64_t max_findings_;
    std::vector<Stretch> stretches_;
    std::vector<Finding> findings_;
    std::map<FindingGroup, std::size_t> groups_;  ///< index in findings_
    bool is_stopped_ = false;
};

bool has_stretches(std::span<const SweepResult> shards, std::size_t length) {
    return std::ranges::any_of(shards, [&](const SweepResult& shard) {
        return shard.levels.size() > length && !shard.levels[length].stretches.empty();
    });
}

/// Adds what a level of all shards measured, besides its counts.
void include_measurements(Level& level, std::span<const SweepResult> shards, std::size_t length) {
    for (const auto& shard : shards) {
        if (shard.levels.size() <= length) continue;
        level.extremes.include(shard.levels[length].extremes);
        level.executed.include(shard.levels[length].executed);
    }
}

Level sum_of(std::span<const SweepResult> shards, std::size_t length) {
    Level sum;
    for (const auto& shard : shards) {
        if (shard.levels.size() <= length) continue;
        sum.schedules += shard.levels[length].schedules;
        sum.pruned += shard.levels[length].pruned;
    }
    return sum;
}

/// Returns the map of `whole`, whose findings and depth are known.
OutcomeMap merge_maps(std::span<const SweepResult> shards, const SweepResult& whole) {
    OutcomeMap map;
    for (const auto& shard : shards) map.include(shard.map);
    if (whole.depth < 2) map.drop_pairs();
    map.finish();
    if (whole.stopped_after) map.cut(whole.findings.back().order, whole.depth);
    return map;
}

/// True if the shard got beyond the block in which the merged sweep stops.
bool is_past(const SweepResult& shard, unsigned depth, std::uint64_t stopped_in) {
    if (shard.depth != depth || shard.levels.empty()) return false;
    const auto& stretches = shard.levels.back().stretches;
    return !stretches.empty() && stretches.back().block > stopped_in;
}

std::uint64_t boundaries_of(const SweepResult& sweep) {
    std::uint64_t count = 0;
    for (std::uint64_t boundary = 0; boundary < sweep.boundaries; ++boundary)
        count += sweep.shard.has(boundary) ? 1 : 0;
    return count;
}

/// Returns the coverage at the shortest unfinished length, among the shards that the result needs. Empty if all
/// finished.
std::optional<Coverage> merge_coverage(std::span<const SweepResult> shards, unsigned depth,
                                       std::optional<std::uint64_t> stopped_in) {
    std::optional<Coverage> whole;
    for (const auto& shard : shards) {
        if (stopped_in && is_past(shard, depth, *stopped_in)) continue;
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

SweepResult merge(std::span<const SweepResult> shards, std::uint64_t max_findings) {
    SweepResult whole;
    whole.depth = depth_of(shards);
    whole.findings = merge_findings(shards, whole.depth);
    std::optional<std::uint64_t> stopped_in;
    for (unsigned length = 0; length <= whole.depth; ++length) {
        if (!has_stretches(shards, length)) {
            whole.levels.push_back(sum_of(shards, length));
            include_measurements(whole.levels.back(), shards, length);
            continue;
        }
        Joiner joiner(max_findings);
        joiner.join(shards, length);
        whole.levels.push_back(joiner.level());
        if (!joiner.stopped_in()) include_measurements(whole.levels.back(), shards, length);
        if (length != whole.depth) continue;
        whole.findings = joiner.findings();
        stopped_in = joiner.stopped_in();
    }
    if (stopped_in) whole.stopped_after = max_findings;
    for (std::size_t i = most_traced; i < whole.findings.size(); ++i) whole.findings[i].trace.clear();
    whole.map = merge_maps(shards, whole);
    for (const auto& shard : shards) {
        whole.boundaries = std::max(whole.boundaries, shard.boundaries);
        if (whole.code.empty()) whole.code = shard.code;
        if (whole.instructions.empty()) whole.instructions = shard.instructions;
        if (shard.interrupted && shard.depth <= whole.depth) {
            whole.interrupted |= !stopped_in || !is_past(shard, whole.depth, *stopped_in);
        }
    }
    whole.not_exhaustive = merge_coverage(shards, whole.depth, stopped_in);
    for (const auto& level : whole.levels) {
        whole.schedules += level.schedules;
        whole.pruned += level.pruned;
    }
    return whole;
}

std::optional<std::uint64_t> last_block(std::span<const Finding> findings, std::uint64_t max_findings) {
    if (max_findings == 0) return std::nullopt;
    std::map<FindingGroup, std::uint64_t> first;
    for (const auto& finding : findings) {
        const auto group = group_of(finding.window, finding.schedule.landings);
        const auto [known, is_new] = first.try_emplace(group, finding.block);
        if (!is_new) known->second = std::min(known->second, finding.block);
    }
    if (first.size() < max_findings) return std::nullopt;
    std::multiset<std::uint64_t> blocks;
    for (const auto& [group, block] : first) blocks.insert(block);
    return *std::next(blocks.begin(), static_cast<std::ptrdiff_t>(max_findings - 1));
}

Extremes extremes_of(const SweepResult& sweep) {
    Extremes extremes;
    for (const auto& level : sweep.levels) extremes.include(level.extremes);
    return extremes;
}

vm::CodeSet executed_by(const SweepResult& sweep) {
    vm::CodeSet executed;
    for (const auto& level : sweep.levels) executed.include(level.executed);
    return executed;
}

bool are_alike(const Finding& one, const Finding& other) {
    return group_of(one.window, one.schedule.landings) == group_of(other.window, other.schedule.landings);
}

}  // namespace gatecrash::sweep
