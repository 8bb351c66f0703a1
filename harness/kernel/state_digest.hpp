// Recognizes states of a kernel that are equal.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/kernel_state.hpp"
#include "sweep/equal_states.hpp"

namespace gatecrash::kernel {

/// The digest of a state, and those of its pages.
struct StateDigest {
    sweep::Digest whole{};
    std::vector<sweep::Digest> pages;  ///< one for each of KernelState::pages
};

/// Returns the digest of `state`. Pages that it shares with `earlier` have the digests of `known`.
[[nodiscard]] StateDigest digest_of(const KernelState& state, const KernelState* earlier = nullptr,
                                    const StateDigest* known = nullptr);

/// Returns the digest of these numbers.
[[nodiscard]] sweep::Digest digest_of(const std::vector<std::uint64_t>& numbers);

}  // namespace gatecrash::kernel
