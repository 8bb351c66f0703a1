#include "sweep/event_windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace gatecrash::sweep {
namespace {

vm::Virtual address_in(const Subject& subject, const std::string& symbol) {
    const auto address = subject.find(symbol);
    if (!address) throw ScheduleError(fmt::format("{} has no symbol {}", subject.name(), symbol));
    return *address;
}

}  // namespace

EventWindows::EventWindows(const Subject& subject, const std::vector<vm::Event>& events,
                           const std::vector<SymbolRange>& ranges)
    : ranges_(events.size()) {
    for (const auto& range : ranges) {
        const auto from = address_in(subject, range.from);
        const auto to = range.to.empty() ? vm::Virtual{number(from) + 1} : address_in(subject, range.to);
        if (from >= to) {
            throw ScheduleError(
                fmt::format("{}: {} is not at a lower address than {}", subject.name(), range.from, range.to));
        }
        bool applies = false;
        for (std::size_t e = 0; e < events.size(); ++e) {
            if (range.of && range.of != events[e].kind) continue;
            ranges_[e].emplace_back(from, to);
            applies = true;
        }
        if (!applies) {
            throw ScheduleError(fmt::format("{}: the window is for {}, but no such event is swept", to_string(range),
                                            to_string(*range.of)));
        }
    }
}

bool EventWindows::has(std::size_t event, vm::Virtual rip) const {
    const auto& ranges = ranges_[event];
    return ranges.empty() ||
           std::ranges::any_of(ranges, [&](const auto& range) { return rip >= range.first && rip < range.second; });
}

std::vector<EventWindows::Range> EventWindows::text() const {
    std::set<Range> all;
    for (const auto& ranges : ranges_) {
        if (ranges.empty()) return {};
        all.insert(ranges.begin(), ranges.end());
    }
    return {all.begin(), all.end()};
}

bool EventWindows::is_whole(std::size_t event) const {
    const auto all = text();
    const std::set<Range> own(ranges_[event].begin(), ranges_[event].end());
    return std::ranges::equal(own, all);
}

}  // namespace gatecrash::sweep
