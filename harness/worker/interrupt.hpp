#pragma once

#include <atomic>

namespace gatecrash::worker {

/// While this lives, the first SIGINT or SIGTERM asks the work to stop, and a second one ends the process as usual.
/// A signal that was ignored stays so.
class InterruptGuard {
  public:
    InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    ~InterruptGuard();

    /// Set from the first signal on.
    [[nodiscard]] static const std::atomic<bool>& stop();
    /// The signal, or 0 while there was none.
    [[nodiscard]] static int signal_number();
};

}  // namespace gatecrash::worker
