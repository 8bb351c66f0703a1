// The result of a check as text, as JSON and as SARIF.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.hpp"
#include "check/evidence.hpp"
#include "check/suppressions.hpp"

namespace gatecrash::check {

/// A finding with the names of all its addresses.
struct NamedFinding {
    const RuleText* rule = nullptr;
    std::string place;  ///< "SYMBOL+0xOFFSET"
    std::uint64_t address = 0;
    std::string message;
    std::vector<std::string> path;
    std::string instruction;                ///< disassembled; empty for an entry point that is not checked
    std::optional<std::string> source;      ///< "FILE:LINE"
    std::optional<std::string> suppressed;  ///< the reason of the suppression
    std::optional<Evidence> evidence{};     ///< what runs show about it, if there are records of runs
};

struct Report {
    std::string file;
    bool is_linked = true;  ///< so that addresses mean something outside of this program
    std::vector<CheckedSection> sections;
    std::uint64_t instructions = 0;  ///< that a path reaches
    std::vector<NamedFinding> findings;
    std::vector<Unchecked> unchecked;
    std::vector<Suppression> unused;  ///< that are about no finding
    /// Counts what runs executed of the instructions.
    struct Reach {
        std::uint64_t results = 0;  ///< of sweeps
        std::uint64_t reached = 0;  ///< instructions
        struct Run {
            std::string place;
            std::uint64_t instructions = 0;
        };
        std::vector<Run> unreached;
    };
    std::optional<Reach> reach{};  ///< empty without records of runs

    /// Returns the number of findings that no suppression is about.
    [[nodiscard]] std::size_t open() const;
};

/// Names all addresses of a result. `path` is the file's, from which source lines are read. `runs` may be null.
[[nodiscard]] Report make_report(const CodeFile& file, const std::string& path, CheckResult result,
                                 const std::vector<Suppression>& suppressions, const RunRecord* runs = nullptr);

[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] std::string to_json(const Report& report, std::string_view version);
/// Writes the Static Analysis Results Interchange Format, version 2.1.0 (OASIS).
[[nodiscard]] std::string to_sarif(const Report& report, std::string_view version);

}  // namespace gatecrash::check
