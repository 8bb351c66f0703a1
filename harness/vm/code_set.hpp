#pragma once

#include <cstdint>
#include <map>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// A set of instructions, as the addresses of their bytes. Neighbours share an entry.
class CodeSet {
  public:
    /// Adds the bytes from `begin` up to, but not including, `end`.
    void add(Virtual begin, Virtual end);
    void include(const CodeSet& others);
    [[nodiscard]] bool contains(Virtual where) const;
    [[nodiscard]] bool is_empty() const { return ends_.empty(); }
    /// Returns the first address after each run of bytes, by the first address of the run.
    [[nodiscard]] const std::map<Virtual, Virtual>& ends() const { return ends_; }

    bool operator==(const CodeSet&) const = default;

  private:
    std::map<Virtual, Virtual> ends_;
};

}  // namespace gatecrash::vm
