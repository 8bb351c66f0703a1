#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/baseline.hpp"
#include "bench/entry_bench.hpp"

namespace gatecrash::report {

/// Returns a table for people, with a heading and one line for each figure. Counts also show what a piece adds to its
/// bare path. At the end is a line for each reason why something was skipped, and for each warning.
[[nodiscard]] std::string bench_table(const bench::Measured& measured);

/// Describes, for people, what increased, by how much, and what was not compared.
[[nodiscard]] std::string change_table(const bench::Comparison& comparison, double threshold);

/// Returns a gnuplot script that draws figures as bars into an SVG file. It draws only valid figures, of which there
/// must be one. It draws those in cycles, or if there are none, those in the unit of the first figure.
[[nodiscard]] std::string plot_script(std::span<const bench::Figure> figures, const std::string& file);

}  // namespace gatecrash::report
