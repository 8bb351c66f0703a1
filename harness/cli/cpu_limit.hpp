// Finds the number of CPUs that this process can keep busy.
#pragma once

#include <filesystem>
#include <optional>

namespace gatecrash::cli {

/// Returns the number of CPUs that the process may run on; 0 if that is unknown.
[[nodiscard]] unsigned cpus_of_process();

/// Returns the smallest CPU quota of this process's control groups and of the groups above them, in CPUs, rounded up.
/// Empty if there is none. Reads version 2 (cpu.max) and version 1 (cpu.cfs_quota_us) in /proc and /sys below `root`. A
/// file in another form counts as no quota. See the kernel's cgroup-v2.rst and sched-bwc.rst.
[[nodiscard]] std::optional<unsigned> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace gatecrash::cli
