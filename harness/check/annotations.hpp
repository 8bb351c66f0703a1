// Reads the notes of a file about its own code: regions that may leave the checked sections, and sites that are
// patched.
#pragma once

#include <cstdint>
#include <optional>
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

/// Reads the notes of `object`, from which `linked` was linked, for the addresses that the code has in `linked`. Throws
/// kernel::ImageError if `object` has none, or if its code is not that of `linked`.
[[nodiscard]] Annotations read_annotations(const CodeFile& object, const CodeFile& linked);

/// An instruction that is patched while the kernel runs.
struct PatchedSite {
    std::string_view reason;
    /// The place that a static branch goes to, or not. Empty for other sites.
    std::optional<std::uint64_t> target;
};
[[nodiscard]] std::unordered_map<std::uint64_t, PatchedSite> read_patched_sites(const CodeFile& file);

}  // namespace gatecrash::check
