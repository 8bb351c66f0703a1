#include "sweep/tally.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace gatecrash::sweep {

void Tally::go_back_to(const Checkpoint& checkpoint) {
    result_ = checkpoint.result;
    broken_ = {checkpoint.broken.begin(), checkpoint.broken.end()};
    groups_.clear();
    for (const auto& finding : result_.findings) {
        groups_.try_emplace(group_of(finding.window, finding.schedule.landings), groups_.size());
    }
}

void Tally::next_level() {
    ++result_.depth;
    result_.levels.emplace_back();
}

void Tally::enter_block(std::uint64_t block) {
    const bool is_ours = block % options_.shard.count == options_.shard.index - 1;
    if (options_.max_findings == 0 || !is_ours) return;
    auto& stretches = result_.levels.back().stretches;
    if (stretches.empty() || stretches.back().block < block) stretches.push_back({.block = block});
}

Stretch* Tally::stretch() {
    auto& stretches = result_.levels.back().stretches;
    return stretches.empty() ? nullptr : &stretches.back();
}

void Tally::add_executed(const vm::CodeSet& code) {
    const std::span earlier(result_.levels.data(), result_.levels.size() - 1);
    const auto is_known = [&](vm::Virtual byte) {
        return std::ranges::any_of(earlier, [&](const Level& level) { return level.executed.contains(byte); });
    };
    auto& executed = result_.levels.back().executed;
    for (const auto& [begin, end] : code.ends()) {
        for (auto byte = begin; byte < end;) {
            const vm::Virtual next{vm::number(byte) + 1};
            if (!is_known(byte)) executed.add(byte, next);
            byte = next;
        }
    }
}

void Tally::count_run() {
    ++result_.levels.back().schedules;
    if (auto* at = stretch()) ++at->schedules;
}

void Tally::count_pruned(std::uint64_t number) {
    result_.levels.back().pruned += number;
    if (auto* at = stretch()) at->pruned += number;
}

std::uint64_t Tally::schedules_run() const {
    std::uint64_t count = 0;
    for (const auto& level : result_.levels) count += level.schedules;
    return count;
}

void Tally::add(std::uint64_t window, const std::vector<Landing>& schedule, std::optional<Finding> finding) {
    // Without pruning, the same schedule comes up once for each boundary on which its event waits for that delivery.
    if (!broken_.insert(to_string(Schedule{"", schedule})).second) return;
    const auto [group, is_new] = groups_.try_emplace(group_of(window, schedule), result_.findings.size());
    if (is_new && finding) return add(std::move(*finding));
    ++result_.findings[group->second].schedules;
    if (auto* at = stretch()) ++at->alike[group->second];
}

void Tally::add(Finding finding) {
    if (options_.found) options_.found(finding);
    result_.findings.push_back(std::move(finding));
    auto* const at = stretch();
    if (at == nullptr) return;  // without max_findings nothing is divided; without events the sweep ends anyway
    at->finds = true;
    if (result_.findings.size() == options_.max_findings) throw EnoughFound{};
    result_.levels.back().stretches.push_back({.block = at->block});
}

SweepResult Tally::finish() {
    if (options_.shard.index != 1) {
        result_.levels.front() = {};
        if (result_.depth == 0) result_.findings.clear();
    }
    result_.map.finish();
    if (result_.stopped_after) {
        result_.map.cut(result_.findings.back().order, result_.depth);
        result_.levels.back().extremes = {};
        result_.levels.back().executed = {};
    }
    result_.shard = options_.shard;
    result_.schedules = schedules_run();
    for (const auto& level : result_.levels) result_.pruned += level.pruned;
    return std::move(result_);
}

}  // namespace gatecrash::sweep
