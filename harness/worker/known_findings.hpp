#pragma once

#include <optional>
#include <vector>

#include "sweep/sweep.hpp"

namespace gatecrash::worker {

/// The findings of one sweep that are known while it is shared among workers.
class KnownFindings {
  public:
    /// Returns whether it is new: none that is alike or shorter is known.
    bool add(const sweep::Finding& finding);

    /// Returns the least number of events with which something breaks, as far as is known.
    [[nodiscard]] std::optional<unsigned> shortest() const;
    /// Returns the block in which the sweep stops, as far as is known: that block and those before it have
    /// `max_findings` findings of `length` events. Empty if there are too few, or `max_findings` is 0.
    [[nodiscard]] std::optional<std::uint64_t> last_block(unsigned length, std::uint64_t max_findings) const;

  private:
    std::vector<sweep::Finding> findings_;
};

}  // namespace gatecrash::worker
