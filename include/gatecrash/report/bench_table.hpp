#pragma once

#include <span>
#include <string>

#include "gatecrash/bench/figure.hpp"

namespace gatecrash::report {

/// A line a figure, with a heading, for people.
[[nodiscard]] std::string bench_table(std::span<const bench::Figure> figures);

}  // namespace gatecrash::report
