#include "bench/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace gatecrash::bench {

Comparison compare(std::span<const Figure> then, std::span<const Figure> now, double threshold) {
    Comparison comparison;
    for (const auto& figure : now) {
        if (figure.unit == "1/s") continue;
        const auto old = std::ranges::find_if(
            then, [&](const Figure& each) { return each.name == figure.name && each.unit == figure.unit; });
        // An interval can begin below zero if the overhead hides the measured part. Such a figure cannot be
        // compared.
        if (old == then.end() || !old->valid || !figure.valid || old->interval.low <= 0 || figure.interval.low < 0) {
            comparison.left_out.push_back(fmt::format("{} ({})", figure.name, figure.unit));
            continue;
        }
        const Interval interval{figure.interval.low / old->interval.high, figure.interval.high / old->interval.low};
        comparison.changes.push_back({.name = figure.name,
                                      .unit = figure.unit,
                                      .then = old->median,
                                      .now = figure.median,
                                      .ratio = figure.median / old->median,
                                      .interval = interval,
                                      .worse = interval.low > 1 + threshold});
    }
    return comparison;
}

}  // namespace gatecrash::bench
