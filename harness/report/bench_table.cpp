#include "gatecrash/report/bench_table.hpp"

#include <fmt/format.h>

namespace gatecrash::report {

std::string bench_table(std::span<const bench::Figure> figures) {
    auto text = fmt::format("{:<18} {:>13} {:>13} {:>13}  {:<12} {:>6}\n", "", "median", "min", "99 %", "unit", "runs");
    for (const auto& figure : figures) {
        // A ratio needs its decimals; nobody needs those of a nanosecond.
        const int decimals = figure.unit == "ratio" ? 2 : 0;
        text += fmt::format("{:<18} {:>13.{}f} {:>13.{}f} {:>13.{}f}  {:<12} {:>6}  {}{}\n", figure.name, figure.median,
                            decimals, figure.min, decimals, figure.p99, decimals, figure.unit, figure.runs,
                            figure.valid ? "" : "not valid: ", figure.note);
    }
    return text;
}

}  // namespace gatecrash::report
