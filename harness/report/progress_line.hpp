#pragma once

#include <cstddef>
#include <string>

#include "sweep/sweep.hpp"

namespace gatecrash::report {

/// "nested-nmi/copied-frame  level 2  boundary 57/203  1 830 schedules/s  0 findings". `seconds` since the sweep began.
[[nodiscard]] std::string progress_line(const std::string& name, const sweep::Progress& progress, double seconds);

/// `line` in at most `columns` columns, without its tail if need be; the last column stays free, as some terminals wrap
/// there. 0 columns: the width is not known.
[[nodiscard]] std::string fit(const std::string& line, std::size_t columns);

}  // namespace gatecrash::report
