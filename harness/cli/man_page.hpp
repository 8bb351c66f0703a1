#pragma once

#include <string>
#include <string_view>

namespace gatecrash::cli {

/// Returns the manual page of a command, or of the program for "", as roff with the macros of man(7). Its text is that
/// of the help. `date` is the date at its foot, as 2026-11-30.
[[nodiscard]] std::string man_page(std::string_view command, std::string_view date);

}  // namespace gatecrash::cli
