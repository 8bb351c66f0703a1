// Tells two contents apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatecrash::machines {

/// A 64-bit digest (XXH3) of a sequence of parts. It is fast enough (several GB/s) for a machine's memory at every
/// start.
///
/// It is not a cryptographic hash and need not be: it tells a few builds of one user apart, and detects damage. With n
/// saved states in a cache folder, the chance that two have the same digest is below n^2 / 2^65. A user who can write
/// to the folder could change the program as well.
class Digest {
  public:
    /// Adds one part. The division into parts counts: {"ab"} and {"a", "b"} differ.
    Digest& add(std::string_view part);
    [[nodiscard]] std::uint64_t value() const { return value_; }
    /// Returns value() as 16 hexadecimal digits.
    std::string text() const;

  private:
    std::uint64_t value_ = 0;
};

}  // namespace gatecrash::machines
