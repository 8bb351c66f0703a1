// Reads the user's files with machine code.
#pragma once

#include <string>

#include "check/annotations.hpp"
#include "check/code_file.hpp"

namespace gatecrash::cli {

/// The option with the object file that a kernel was linked from.
inline constexpr const char* annotations_option = "annotations";

/// Throws what check::read_code_file() throws.
[[nodiscard]] check::CodeFile read_code(const std::string& file);

/// Returns the annotations of `linked` that the object file `object` still has. Throws kernel::ImageError, which names
/// `object`.
[[nodiscard]] check::Annotations read_annotations(const std::string& object, const check::CodeFile& linked);

}  // namespace gatecrash::cli
