#pragma once

#include <sched.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gatecrash::bench {

/// Keeps this thread on its present CPU while it exists.
class PinnedThread {
  public:
    PinnedThread();
    ~PinnedThread();
    PinnedThread(const PinnedThread&) = delete;
    PinnedThread& operator=(const PinnedThread&) = delete;

    [[nodiscard]] unsigned cpu() const { return cpu_; }
    /// False if the system refused.
    [[nodiscard]] bool is_pinned() const { return is_pinned_; }

  private:
    unsigned cpu_;
    cpu_set_t before_{};
    bool is_pinned_ = false;
};

/// True if the time-stamp counter runs at one rate, whatever the core's clock does (CPUID 0x80000007, EDX bit 8).
[[nodiscard]] bool has_invariant_tsc();

// These functions return what the system says about a CPU. They look for its files below `root`.

/// True if the kernel uses the CPU feature that has this name in /proc/cpuinfo.
[[nodiscard]] bool has_cpu_flag(const std::string& name, const std::filesystem::path& root = "/");
/// Returns what may disturb cycles, a sentence each: a clock that changes, another thread of the same core, cores of
/// several kinds, a hypervisor.
[[nodiscard]] std::vector<std::string> disturbances(unsigned cpu, const std::filesystem::path& root = "/");
/// Returns how long a hypervisor has given the CPU to others, in ticks of 1/USER_HZ s (proc(5), /proc/stat). 0 if not
/// known.
[[nodiscard]] std::uint64_t stolen_ticks(unsigned cpu, const std::filesystem::path& root = "/");

/// Returns how often the kernel has taken the CPU from this thread to give it to another one (getrusage(2)).
[[nodiscard]] std::uint64_t involuntary_switches();

}  // namespace gatecrash::bench
