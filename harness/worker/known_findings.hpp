#pragma once

#include <optional>
#include <vector>

#include "sweep/sweep.hpp"

namespace gatecrash::worker {

/// All findings so far of one sweep that several workers share.
class KnownFindings {
  public:
    /// Adds a finding. True if it is new: no known finding is like it, or shorter.
    bool add(const sweep::Finding& finding);

    /// Returns the smallest number of events that is known to break something.
    [[nodiscard]] std::optional<unsigned> shortest() const;
    /// Returns the last block that the sweep needs, as far as is known. That block and those before it have
    /// `max_findings` findings of `length` events. Empty if there are too few, or `max_findings` is 0.
    [[nodiscard]] std::optional<std::uint64_t> last_block(unsigned length, std::uint64_t max_findings) const;

  private:
    std::vector<sweep::Finding> findings_;
};

}  // namespace gatecrash::worker
