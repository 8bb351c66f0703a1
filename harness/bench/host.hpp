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
    /// False where the system refused.
    [[nodiscard]] bool is_pinned() const { return is_pinned_; }

  private:
    unsigned cpu_;
    cpu_set_t before_{};
    bool is_pinned_ = false;
};

/// Whether the time-stamp counter runs at one rate, whatever the clock does (CPUID 0x80000007, EDX bit 8).
[[nodiscard]] bool has_invariant_tsc();

// What the system says of a CPU. Its files are looked for below `root`.

/// Whether the kernel has the CPU's feature in use, by its name in /proc/cpuinfo.
[[nodiscard]] bool has_cpu_flag(const std::string& name, const std::filesystem::path& root = "/");
/// What may disturb cycles: a clock that changes, another thread of the same core, a hypervisor. A sentence each.
[[nodiscard]] std::vector<std::string> disturbances(unsigned cpu, const std::filesystem::path& root = "/");
/// How long a hypervisor has kept the CPU for others, in ticks of 1/USER_HZ s (proc(5), /proc/stat). 0 if not known.
[[nodiscard]] std::uint64_t stolen_ticks(unsigned cpu, const std::filesystem::path& root = "/");

}  // namespace gatecrash::bench
