// The cases and guests that this program was built with.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "suite/case.hpp"

namespace gatecrash::cases {

/// Every case, by name.
[[nodiscard]] std::span<const suite::Case* const> all_cases();
/// The guest of a variant, an ELF file in memory. Throws std::out_of_range if the build has none.
[[nodiscard]] std::vector<std::byte> guest_of(const std::string& case_name, const std::string& variant_name);

}  // namespace gatecrash::cases
