#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sweep/schedule.hpp"

namespace gatecrash::sweep {

/// Identifies findings that are alike: their window, events and symbols, and the offset of the last event.
using FindingGroup = std::tuple<std::uint64_t, std::vector<std::pair<std::string, std::string>>, std::uint64_t>;

[[nodiscard]] inline FindingGroup group_of(std::uint64_t window, const std::vector<Landing>& schedule) {
    std::vector<std::pair<std::string, std::string>> events;
    events.reserve(schedule.size());
    for (const auto& landing : schedule) events.emplace_back(to_string(landing.event), landing.boundary.symbol);
    return {window, std::move(events), schedule.empty() ? 0 : schedule.back().boundary.offset};
}

}  // namespace gatecrash::sweep
