#include "debug/timeline.hpp"

#include <utility>

namespace gatecrash::debug {

Timeline::Timeline(Debuggee& debuggee) : debuggee_(debuggee) { arrive(); }

Halt Timeline::forward(std::uint64_t most, const IsWanted& is_wanted) {
    if (end_) return Halt::end;
    const auto stepping = debuggee_.begin_steps();
    for (; most > 0; --most) {
        step(*stepping);
        if (end_) return Halt::end;
        if (is_wanted()) return Halt::wanted;
    }
    return Halt::moved;
}

void Timeline::step(Debuggee::Stepping& stepping) {
    end_ = stepping.step();
    ++position_;
    if (!end_) arrive();
}

/// Keeps the moment before anything lands at this boundary.
void Timeline::arrive() {
    keep_moment();
    news_ += debuggee_.arrive();
    if (const auto here = changes_.find(position_); here != changes_.end()) {
        for (const auto& change : here->second) change(debuggee_);
    }
}

void Timeline::keep_moment() {
    if (position_ % interval_ != 0 || moments_.contains(position_)) return;
    const auto after = moments_.upper_bound(position_);
    const auto* const earlier = after == moments_.begin() ? nullptr : std::prev(after)->second.get();
    auto moment = debuggee_.save(earlier);
    if (!moment) return;
    moments_.emplace(position_, std::move(moment));
    if (moments_.size() <= most_moments) return;
    interval_ *= 2;
    std::erase_if(moments_, [&](const auto& kept) { return kept.first % interval_ != 0; });
}

void Timeline::forget_after(std::uint64_t position) { moments_.erase(moments_.upper_bound(position), moments_.end()); }

Halt Timeline::back() {
    if (position_ == 0) return Halt::begin;
    go_to(position_ - 1);
    return Halt::moved;
}

std::uint64_t Timeline::restore(std::uint64_t position) {
    const auto from = std::prev(moments_.upper_bound(position));
    debuggee_.restore(*from->second);
    position_ = from->first;
    end_.reset();
    arrive();
    return position_;
}

void Timeline::go_to(std::uint64_t position) {
    const auto changed = changes_.upper_bound(position);
    if (changed != changes_.end()) {
        forget_after(changed->first);
        changes_.erase(changed, changes_.end());
    }
    restore(position);
    {
        const auto stepping = debuggee_.begin_steps();
        while (position_ < position && !end_) step(*stepping);
    }
    news_.clear();
}

Halt Timeline::search(const IsWanted& is_wanted) {
    if (search_end_ == 0) {
        go_to(0);
        return Halt::begin;
    }
    const auto last = search_end_ - 1;
    const auto first = restore(last);
    std::optional<std::uint64_t> found;
    if (is_wanted()) found = position_;
    {
        const auto stepping = debuggee_.begin_steps();
        while (position_ < last) {
            step(*stepping);
            if (is_wanted()) found = position_;
        }
    }
    news_.clear();
    if (found) {
        go_to(*found);
        return Halt::wanted;
    }
    search_end_ = first;
    return Halt::moved;
}

std::size_t Timeline::changes() const {
    std::size_t count = 0;
    for (const auto& [position, here] : changes_) count += here.size();
    return count;
}

void Timeline::change(const Change& change) {
    forget_after(position_);
    change(debuggee_);
    changes_[position_].push_back(change);
}

}  // namespace gatecrash::debug
