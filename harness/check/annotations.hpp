// Reads the notes of a file about its own code: regions that may leave the checked sections, and sites that are
// patched.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "check/code_file.hpp"

namespace gatecrash::check {

/// How many regions begin and end at an address. Those that end come first.
struct Change {
    unsigned begins = 0, ends = 0;
};

/// Regions between instrumentation_begin() and instrumentation_end().
struct Annotations {
    std::unordered_map<std::uint64_t, Change> changes;  ///< by address
    /// True if the file cannot have any: Linux discards the notes when it links.
    bool are_lost = false;
};

/// Reads the notes of Linux (include/linux/instrumentation.h, since 6.14 include/linux/annotate.h), which our own
/// runtime uses, too (guest/entry_common.h).
[[nodiscard]] Annotations read_annotations(const CodeFile& file);

/// Returns the sites that are patched while the kernel runs, each with the reason.
[[nodiscard]] std::unordered_map<std::uint64_t, std::string_view> read_patched_sites(const CodeFile& file);

}  // namespace gatecrash::check
