// How many CPUs this process can keep busy.
#pragma once

#include <filesystem>
#include <optional>

namespace gatecrash::cli {

/// CPUs that the process may run on; 0 if that is not known.
[[nodiscard]] unsigned cpus_of_process();

/// The smallest CPU quota among the control groups of this process and the groups above them, in CPUs, rounded up.
/// Empty if there is none. Reads version 2 (cpu.max) and version 1 (cpu.cfs_quota_us) below `root`, which has /proc and
/// /sys; what is not as the kernel writes it counts as no quota. See the kernel's cgroup-v2.rst and sched-bwc.rst.
[[nodiscard]] std::optional<unsigned> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace gatecrash::cli
