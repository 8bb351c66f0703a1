#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "kvm/vcpu.hpp"

namespace gatecrash::vm {

/// Ends a KVM_RUN that lasts too long. It counts ticks of its own thread instead of reading a clock, so a run pays only
/// two stores for its guard.
class Watchdog {
  public:
    explicit Watchdog(kvm::Vcpu& cpu);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Call these around each KVM_RUN, on the thread that makes it.
    void begin_run();
    void end_run();
    /// Sets the length of a tick. The watchdog ends a run after three to four ticks.
    void set_tick(std::chrono::microseconds tick) { tick_.store(tick); }
    /// True if the watchdog ended the last run.
    [[nodiscard]] bool fired() const { return fired_.load() == run_.load() - 1; }

  private:
    static constexpr int patience = 3;  ///< ticks

    void watch();

    kvm::Vcpu& cpu_;
    std::atomic<std::chrono::microseconds> tick_{std::chrono::microseconds(7000)};
    std::atomic<std::uint64_t> run_{0};  ///< odd during a run
    std::atomic<std::uint64_t> fired_{0};
    std::atomic<pthread_t> runner_{};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace gatecrash::vm
