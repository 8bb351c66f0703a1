#pragma once

#include <algorithm>
#include <cstdint>

namespace gatecrash::kernel {

/// Knows how often a kernel must begin to handle NMIs. It may handle several at once, but it must begin after each of
/// them is delivered. Linux has two such cases (arch/x86/entry/entry_64.S, repeat_nmi and first_nmi). NMIs that arrive
/// while it handles another one share one repeat. With CONFIG_DEBUG_ENTRY, its entry unmasks NMIs at once, and handles
/// one that then arrives together with the first.
class NmiCount {
  public:
    /// Notes an NMI. It is delivered where the kernel has begun as often as without events, and `begun` times more.
    void deliver(std::int64_t begun) {
        ++delivered_;
        least_ = std::max(least_, begun + 1);
    }

    [[nodiscard]] std::uint32_t delivered() const { return delivered_; }
    [[nodiscard]] std::uint32_t least() const { return static_cast<std::uint32_t>(least_); }

  private:
    std::uint32_t delivered_ = 0;
    std::int64_t least_ = 0;
};

}  // namespace gatecrash::kernel
