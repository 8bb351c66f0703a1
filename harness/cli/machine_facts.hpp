// Reads, for reports, what the running kernel says about itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gatecrash::cli {

/// Returns the module that provides /dev/kvm, or "unknown".
[[nodiscard]] std::string kvm_module();
/// Returns the first "model name" of /proc/cpuinfo, or "unknown".
[[nodiscard]] std::string cpu_model();
/// Returns the release as `uname -r` prints it.
[[nodiscard]] std::string kernel_release();
/// Returns "MemAvailable" of /proc/meminfo in bytes; empty if it is not there.
[[nodiscard]] std::optional<std::uint64_t> available_memory();

}  // namespace gatecrash::cli
