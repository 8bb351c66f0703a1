// Recognizes a run that was already made, although another schedule leads to it.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "sweep/check/log_check.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// 128 bits of XXH3 over everything that something depends on. In any number of sweeps, two different inputs are not
/// expected to have the same digest.
using Digest = std::array<std::uint64_t, 2>;

/// Digests of a snapshot. The digest of the memory is a sum with one term for each word that differs from boot. So
/// words that changed can be updated, and words can be left out.
struct StateDigest {
    Digest cpu{};
    Digest memory{};  ///< zero at boot
};

/// Returns the digests of `state`. `known` holds the digests of an earlier snapshot, whose pages are `earlier`. Only
/// pages that changed since then are read.
[[nodiscard]] StateDigest digest_of(const vm::GuestMemory& memory, const vm::Snapshot& state,
                                    const vm::PageSet& earlier = {}, const StateDigest& known = {});

/// The addresses from `first` up to, but not including, `last`.
struct AddressRange {
    std::uint64_t first = 0, last = 0;
    bool operator==(const AddressRange&) const = default;
};

/// Returns the addresses that the CPU overwrites if it delivers `event` before the next instruction of a guest in the
/// state `at`. They are the frame that it pushes (SDM volume 3, 6.14.2 to 6.14.5). Empty if they are not certain.
[[nodiscard]] AddressRange frame_pushed_by(vm::Event event, const vm::Guest& guest, const vm::Snapshot& at);

/// The start of a run: everything that its course and its verdict depend on, just before an event lands.
struct Start {
    const vm::Snapshot* state;
    const StateDigest* digest;
    vm::Event event;
    const std::vector<LandedEvent>* landed;  ///< all events that land, including this one
    std::uint64_t window;
    unsigned more;  ///< number of events that land, including this one
};

/// The starts that a sweep has met. Two starts are equal if the CPU, the pending events and all memory are equal,
/// except the bytes that the delivery overwrites in both. Equal starts lead to the same run and the same verdict.
class EqualStarts {
  public:
    explicit EqualStarts(const vm::Guest& guest) : guest_(guest) {}

    /// Notes `start`. True if no equal start was noted since forget().
    [[nodiscard]] bool is_new(const Start& start) { return met_.insert(digest_of(start)).second; }
    void forget() { met_.clear(); }

  private:
    [[nodiscard]] Digest digest_of(const Start& start) const;
    [[nodiscard]] Digest without(const StateDigest& digest, const AddressRange& frame, const vm::Snapshot& state) const;

    const vm::Guest& guest_;
    std::set<Digest> met_;
};

}  // namespace gatecrash::sweep
