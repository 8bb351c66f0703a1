// Finds the variants that the user means.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/listing.hpp"
#include "suite/case.hpp"

namespace gatecrash::cli {

using report::Selection;

/// True if any variant of `cases` matches `pattern`.
[[nodiscard]] bool matches_any(std::span<const suite::Case* const> cases, const std::string& pattern);

/// True if there is a file of that name.
[[nodiscard]] bool is_file(const std::string& name);

/// Returns the variants of `cases` that match one of `patterns`, in the order of the cases; all of them if there are no
/// patterns. Patterns are shell globs on CASE or CASE/VARIANT. Throws UsageError for a pattern that matches none.
[[nodiscard]] std::vector<Selection> select(std::span<const suite::Case* const> cases,
                                            const std::vector<std::string>& patterns);

/// Returns what the text file beside the guest `file` expects, a selection for each line. Throws UsageError if there is
/// no such text file, or it cannot be read.
[[nodiscard]] std::vector<Selection> expectations_of(const std::string& file);

/// Returns the variant with exactly this `name`, which is CASE/VARIANT. Its `variant` is null if there is none.
[[nodiscard]] Selection find_variant(std::span<const suite::Case* const> cases, const std::string& name);

/// Returns CASE/VARIANT of every variant.
[[nodiscard]] std::vector<std::string> variant_names(std::span<const suite::Case* const> cases);
/// Returns the names of all cases and of all variants: the patterns without a wildcard.
[[nodiscard]] std::vector<std::string> pattern_names(std::span<const suite::Case* const> cases);

/// Returns the names of all cases, for messages.
[[nodiscard]] std::string case_names(std::span<const suite::Case* const> cases);

}  // namespace gatecrash::cli
