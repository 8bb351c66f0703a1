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

/// Gets a vCPU out of a KVM_RUN that lasts too long. It counts ticks of its own thread rather than reading a clock, so
/// guarding a run costs the run nothing but two stores.
class Watchdog {
  public:
    explicit Watchdog(kvm::Vcpu& cpu);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Around each KVM_RUN, on the thread that calls it.
    void begin_run();
    void end_run();
    /// Sets the length of a tick. Runs are ended after three to four ticks.
    void set_tick(std::chrono::microseconds tick) { tick_.store(tick); }
    /// Whether the watchdog ended the last run.
    [[nodiscard]] bool fired() const { return fired_.load() == run_.load() - 1; }

  private:
    static constexpr int patience = 3;  ///< ticks

    void watch();

    kvm::Vcpu& cpu_;
    std::atomic<std::chrono::microseconds> tick_{std::chrono::microseconds(7000)};
    std::atomic<std::uint64_t> run_{0};  ///< odd while a run is under way
    std::atomic<std::uint64_t> fired_{0};
    std::atomic<pthread_t> runner_{};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace gatecrash::vm
