#pragma once

#include <optional>
#include <vector>

#include "cli/sweeping.hpp"
#include "cli/values.hpp"

namespace gatecrash::cli {

/// Default of --max-findings.
constexpr std::uint64_t usual_max_findings = 25;
constexpr unsigned max_depth = 16;  ///< of --depth

struct ExploreOptions {
    SweepingOptions sweeping;
    std::string target;
    std::optional<std::vector<vm::Event>> events;           ///< empty: the variant's events
    std::optional<unsigned> depth;                          ///< empty: the variant's depth
    std::optional<std::vector<sweep::SymbolRange>> window;  ///< empty: the variant's window
    bool prune = true;
};

/// Reads the options. Throws UsageError, and vm::ImageError for an address in a file that is not a guest.
[[nodiscard]] ExploreOptions read_explore(const Values& values);
/// Returns what to sweep.
[[nodiscard]] Sweeping sweeping_of(const ExploreOptions& options);

}  // namespace gatecrash::cli
