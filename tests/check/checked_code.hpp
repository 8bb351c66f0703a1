// The files that tests/check/code builds, and what a check says about them.
#pragma once

#include <string>
#include <vector>

#include "check/report.hpp"
#include "kernel/kernel_files.hpp"
#include "posix/file.hpp"

namespace gatecrash::check {

/// Returns the path of a file that the build made: "64/leaves_section.o" or "64/leaves_section-clean.o".
inline std::string code_path(const std::string& name) { return std::string(CHECKED_CODE) + "/" + name; }

inline kernel::Bytes code_bytes(const std::string& name) { return kernel::bytes_of(posix::read_file(code_path(name))); }

/// Checks a file that the build made.
inline Report check_code(const std::string& name, const Request& request = {},
                         const std::vector<Suppression>& suppressions = {}) {
    const auto file = read_code_file(code_bytes(name), name);
    return make_report(file, code_path(name), check_file(file, request), suppressions);
}

}  // namespace gatecrash::check
