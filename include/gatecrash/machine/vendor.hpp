#pragma once

namespace gatecrash::machine {

/// Whose manual a CPU follows. Hygon's CPUs follow AMD's.
enum class Vendor : bool { intel, amd };

/// Of the CPU this runs on, and so of every guest's.
[[nodiscard]] Vendor cpu_vendor();

}  // namespace gatecrash::machine
