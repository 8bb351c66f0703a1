// What the running kernel says about itself, for reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gatecrash::cli {

/// The module behind /dev/kvm, or "unknown".
[[nodiscard]] std::string kvm_module();
/// The first "model name" of /proc/cpuinfo, or "unknown".
[[nodiscard]] std::string cpu_model();
/// As `uname -r` prints it.
[[nodiscard]] std::string kernel_release();
/// "MemAvailable" of /proc/meminfo, in bytes, if it is there.
[[nodiscard]] std::optional<std::uint64_t> available_memory();

}  // namespace gatecrash::cli
