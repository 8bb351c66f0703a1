// The static check of a file's entry code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/annotations.hpp"
#include "check/code_file.hpp"
#include "check/entry_points.hpp"
#include "check/finding.hpp"
#include "check/policy.hpp"

namespace gatecrash::check {

/// Says what to check.
struct Request {
    std::vector<std::string> sections;  ///< names; empty: .noinstr.text and .entry.text, as far as the file has them
    /// Names of entry points besides the known ones. A kind replaces the one that the name usually has.
    struct Entry {
        std::string name;
        std::optional<EntryKind> kind;
    };
    std::vector<Entry> entries;
    Policy policy;
    std::optional<Annotations> annotations{};  ///< empty: those of the file itself
};

struct CheckedSection {
    std::string name;
    std::uint64_t bytes = 0;
};

struct CheckResult {
    std::vector<CheckedSection> sections;
    std::vector<std::uint64_t> instructions;  ///< addresses of those that a path reaches, in order
    std::vector<Finding> findings;            ///< by address
    std::vector<Unchecked> unchecked;
};

/// Returns the sections .noinstr.text and .entry.text of `file`, as far as it has them.
[[nodiscard]] std::vector<Range> usual_sections(const CodeFile& file);

/// Checks `file`. Throws kernel::ImageError if it lacks a section or an entry point of the request.
[[nodiscard]] CheckResult check_file(const CodeFile& file, const Request& request);

}  // namespace gatecrash::check
