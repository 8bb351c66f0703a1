#pragma once

#include <string>
#include <string_view>

namespace gatecrash::cli {

/// Returns the manual page of a command, or of the program for "", as roff with the macros of man(7). The text is the
/// help's. The foot of the page shows `date`, for instance 2026-11-30.
[[nodiscard]] std::string man_page(std::string_view command, std::string_view date);

}  // namespace gatecrash::cli
