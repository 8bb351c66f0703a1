#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatecrash::vm {

/// Whose manual a CPU follows. Hygon's CPUs follow AMD's.
enum class Vendor : bool { intel, amd };

/// Of the CPU this runs on, and so of every guest's.
[[nodiscard]] Vendor cpu_vendor();

/// "intel" or "amd".
[[nodiscard]] std::string to_string(Vendor vendor);
/// Of what to_string() makes; empty if it is none.
[[nodiscard]] std::optional<Vendor> parse_vendor(std::string_view text);

}  // namespace gatecrash::vm
