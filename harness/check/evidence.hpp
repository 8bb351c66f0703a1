// Compares a checked file with sweeps of its code.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "check/check.hpp"
#include "check/code_file.hpp"
#include "report/run_record.hpp"

namespace gatecrash::check {

using report::RunRecord;

/// Says how much runs show about a finding.
enum class Evidence : std::uint8_t {
    not_reached,
    reached,    ///< a run executed the instruction
    confirmed,  ///< that alone breaks the rule
};
[[nodiscard]] std::string_view to_string(Evidence evidence);
[[nodiscard]] Evidence evidence_for(const Finding& finding, const CodeFile& file, const RunRecord& record);

/// Instructions in a row, of one function, that no run executed.
struct Unreached {
    std::uint64_t address = 0;
    std::uint64_t instructions = 0;
};
/// Returns all of `instructions`, which are in order, that no run executed.
[[nodiscard]] std::vector<Unreached> unreached_of(const std::vector<std::uint64_t>& instructions, const CodeFile& file,
                                                  const RunRecord& record);

}  // namespace gatecrash::check
