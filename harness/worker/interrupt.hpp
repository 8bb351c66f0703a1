#pragma once

#include <atomic>

namespace gatecrash::worker {

/// Catches signals during its lifetime. The first SIGINT or SIGTERM asks the work to stop; a second one ends the
/// process as usual. Ignored signals stay ignored.
class InterruptGuard {
  public:
    InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    ~InterruptGuard();

    /// True after the first signal.
    [[nodiscard]] static const std::atomic<bool>& stop();
    /// Returns the signal, or 0 if none came.
    [[nodiscard]] static int signal_number();
};

}  // namespace gatecrash::worker
