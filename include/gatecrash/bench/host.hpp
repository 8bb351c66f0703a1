#pragma once

#include <sched.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gatecrash::bench {

/// Keeps this thread on the CPU that it is on, while it exists.
class PinnedThread {
  public:
    PinnedThread();
    ~PinnedThread();
    PinnedThread(const PinnedThread&) = delete;
    PinnedThread& operator=(const PinnedThread&) = delete;

    [[nodiscard]] unsigned cpu() const { return cpu_; }

  private:
    unsigned cpu_;
    cpu_set_t before_{};
};

/// What there is to know of cycles that are measured on a CPU. Files are looked for below `root`.
/// Whether its time-stamp counter runs at one rate, whatever the clock does (CPUID 0x80000007, EDX bit 8).
[[nodiscard]] bool has_invariant_tsc();
/// What may disturb them there: a clock that is scaled, another thread of the same core. A sentence each.
[[nodiscard]] std::vector<std::string> disturbances(unsigned cpu, const std::filesystem::path& root = "/");
/// How long a hypervisor has kept that CPU for others, in ticks of 1/USER_HZ s (proc(5), /proc/stat). 0 if not known.
[[nodiscard]] std::uint64_t stolen_ticks(unsigned cpu, const std::filesystem::path& root = "/");

}  // namespace gatecrash::bench
