// What the running kernel says about itself, for reports.
#pragma once

#include <string>

namespace gatecrash::cli {

/// The module behind /dev/kvm, or "unknown".
[[nodiscard]] std::string kvm_module();
/// The first "model name" of /proc/cpuinfo, or "unknown".
[[nodiscard]] std::string cpu_model();
/// As `uname -r` prints it.
[[nodiscard]] std::string kernel_release();

}  // namespace gatecrash::cli
