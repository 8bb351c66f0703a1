#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/baseline.hpp"
#include "bench/entry_bench.hpp"

namespace gatecrash::report {

/// For people, a line a figure, with a heading. Counts have what a piece adds to its bare path; at the end is what
/// was skipped, a line a reason, and each warning.
[[nodiscard]] std::string bench_table(const bench::Measured& measured);

/// For people: what became more, by how much, and what was not compared.
[[nodiscard]] std::string change_table(const bench::Comparison& comparison, double threshold);

/// A gnuplot script that draws a bar for each of the figures that are valid, and not none, into a file, as SVG: of the
/// cycles if there are any, else of the unit of the first.
[[nodiscard]] std::string plot_script(std::span<const bench::Figure> figures, const std::string& file);

}  // namespace gatecrash::report
