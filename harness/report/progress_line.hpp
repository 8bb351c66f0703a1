#pragma once

#include <cstddef>
#include <string>

#include "sweep/sweep.hpp"

namespace gatecrash::report {

/// Returns a line such as "nested-nmi/copied-frame  level 2  boundary 57/203  1 830 schedules/s  0 findings". `seconds`
/// is the time since the sweep began.
[[nodiscard]] std::string progress_line(const std::string& name, const sweep::Progress& progress, double seconds);

/// Cuts `line` to at most `columns` columns, where 0 means an unknown width. The last column stays free, because some
/// terminals wrap there.
[[nodiscard]] std::string fit(const std::string& line, std::size_t columns);

}  // namespace gatecrash::report
