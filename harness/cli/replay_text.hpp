#pragma once

#include <string>

#include "sweep/replay.hpp"

namespace gatecrash::cli {

/// Says, for people, how a schedule ended, and what it breaks.
[[nodiscard]] std::string replay_text(const sweep::Schedule& schedule, const sweep::ReplayResult& replayed);

}  // namespace gatecrash::cli
