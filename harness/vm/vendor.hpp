#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatecrash::vm {

/// The vendor whose manual a CPU follows. Hygon's CPUs follow AMD's.
enum class Vendor : bool { intel, amd };

/// Returns the vendor of the CPU that this program runs on. Every guest has the same.
[[nodiscard]] Vendor cpu_vendor();

/// True if this program's CPU belongs to a virtual machine (SDM volume 2, CPUID.01H:ECX[31]).
[[nodiscard]] bool is_below_hypervisor();

/// Returns "intel" or "amd".
[[nodiscard]] std::string to_string(Vendor vendor);
/// Reads what to_string() returns. Empty for any other text.
[[nodiscard]] std::optional<Vendor> parse_vendor(std::string_view text);

}  // namespace gatecrash::vm
