#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/figure.hpp"

namespace gatecrash::bench {

/// VM exits during passes that were timed.
struct Exits {
    std::uint64_t taken = 0;
    std::uint64_t taken_without = 0;  ///< in as many passes without the entering instruction: none of the path's
    std::uint64_t passes = 0;

    [[nodiscard]] double per_pass() const;
};

/// Why cycles are no result, a clause each; nothing if they are one. A guest that is left once a pass is not timed, KVM
/// is. The host's timer leaves it far less often, and that is in the spread.
[[nodiscard]] std::vector<std::string> doubts(const Figure& figure, bool has_one_rate, const Exits& exits);

}  // namespace gatecrash::bench
