#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "sweep/trace/item.hpp"

namespace gatecrash {

/// Returns a sink that adds each line of a trace to `lines`, which must outlive it.
[[nodiscard]] inline sweep::TraceSink lines_to(std::vector<std::string>& lines) {
    return {.receive = [&lines](const sweep::TraceItem& item) {
        std::istringstream text(to_string(item));
        for (std::string line; std::getline(text, line);) lines.push_back(line);
    }};
}

}  // namespace gatecrash
