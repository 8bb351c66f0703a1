// The cases and guests that the build put into this program.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "suite/case.hpp"

namespace gatecrash::cases {

/// Returns every case, sorted by name.
[[nodiscard]] std::span<const suite::Case* const> all_cases();
/// Returns the guest of a variant, an ELF file in memory. Throws std::out_of_range if the build has no such guest.
[[nodiscard]] std::vector<std::byte> guest_of(const std::string& case_name, const std::string& variant_name);

}  // namespace gatecrash::cases
