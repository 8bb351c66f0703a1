#include "report/progress_line.hpp"

#include <fmt/format.h>

#include <cmath>

#include "report/text_report.hpp"

namespace gatecrash::report {

std::string progress_line(const std::string& name, const sweep::Progress& progress, double seconds) {
    const auto rate = seconds > 0 ? static_cast<double>(progress.schedules) / seconds : 0;
    return fmt::format("{}  level {}  boundary {}/{}  {} schedules/s  {}", name, progress.level, progress.boundary,
                       progress.boundaries, grouped(static_cast<std::uint64_t>(std::llround(rate))),
                       counted(progress.findings, "finding"));
}

std::string fit(const std::string& line, std::size_t columns) {
    return columns == 0 || line.size() < columns ? line : line.substr(0, columns - 1);
}

}  // namespace gatecrash::report
