// Tells when a run is one that was made before, although another schedule leads to it.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "sweep/check/log_check.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// 128 bits of XXH3 over everything something depends on: that two of these are the same by accident is not to be
/// expected in any number of sweeps.
using Digest = std::array<std::uint64_t, 2>;

/// Digests of a snapshot. The digest of the memory is a sum with a term for each word that differs from boot. So it can
/// be updated for the words that changed, and words can be left out of it.
struct StateDigest {
    Digest cpu{};
    Digest memory{};  ///< zero at boot
};

/// Returns the digests of `state`. `known` are those of an earlier snapshot, whose pages are `earlier`: only pages that
/// changed since then are read.
[[nodiscard]] StateDigest digest_of(const vm::GuestMemory& memory, const vm::Snapshot& state,
                                    const vm::PageSet& earlier = {}, const StateDigest& known = {});

/// Addresses from `first` up to, and not including, `last`.
struct AddressRange {
    std::uint64_t first = 0, last = 0;
    bool operator==(const AddressRange&) const = default;
};

/// What the CPU overwrites when it delivers `event` on a guest in the state `at` before the next instruction: the
/// frame that it pushes (SDM volume 3, 6.14.2 to 6.14.5). Empty where that is not certain.
[[nodiscard]] AddressRange frame_pushed_by(vm::Event event, const vm::Guest& guest, const vm::Snapshot& at);

/// What a run goes on from, and what it is checked against, in front of an event that lands.
struct Start {
    const vm::Snapshot* state;
    const StateDigest* digest;
    vm::Event event;
    const std::vector<LandedEvent>* landed;  ///< this one included
    std::uint64_t window;
    unsigned more;  ///< events that land, this one included
};

/// The starts that were met. Two are equal if the CPU, the events on their way and all memory are, but for what the
/// delivery of the event overwrites in both: then the same run follows, with the same verdict.
class EqualStarts {
  public:
    explicit EqualStarts(const vm::Guest& guest) : guest_(guest) {}

    /// Whether none that is equal was met since forget().
    [[nodiscard]] bool is_new(const Start& start) { return met_.insert(digest_of(start)).second; }
    void forget() { met_.clear(); }

  private:
    [[nodiscard]] Digest digest_of(const Start& start) const;
    [[nodiscard]] Digest without(const StateDigest& digest, const AddressRange& frame, const vm::Snapshot& state) const;

    const vm::Guest& guest_;
    std::set<Digest> met_;
};

}  // namespace gatecrash::sweep
