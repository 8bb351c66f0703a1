#include "debug/timeline.hpp"

#include <utility>

namespace gatecrash::debug {

Timeline::Timeline(Debuggee& debuggee) : debuggee_(debuggee) { arrive(); }

Halt Timeline::forward(std::uint64_t most, const Wanted& wanted) {
    if (end_) return Halt::end;
    (void)wanted.has_changed();
    const auto stepping = debuggee_.begin_steps();
    for (; most > 0; --most) {
        step(*stepping);
        if (end_) return Halt::end;
        if (wanted.has_changed()) return Halt::changed;
        if (wanted.is_here()) return Halt::wanted;
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

Halt Timeline::search(const Wanted& wanted) {
    if (search_end_ == 0) {
        go_to(0);
        return Halt::begin;
    }
    const auto first = restore(search_end_ - 1);
    (void)wanted.has_changed();
    auto found = position_;
    auto halt = wanted.is_here() ? Halt::wanted : Halt::moved;
    {
        const auto stepping = debuggee_.begin_steps();
        // The last step leads to where the search began. It may change something, but that boundary does not count.
        while (position_ < search_end_ && !end_) {
            step(*stepping);
            if (!end_ && wanted.has_changed()) {
                found = position_ - 1;
                halt = Halt::changed;
            }
            if (position_ < search_end_ && wanted.is_here()) {
                found = position_;
                halt = Halt::wanted;
            }
        }
    }
    news_.clear();
    if (halt == Halt::moved)
        search_end_ = first;
    else
        go_to(found);
    return halt;
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
