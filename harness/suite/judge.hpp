#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "suite/case.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::suite {

enum class Verdict : std::uint8_t { holds, breaks, skip, error };
enum class Status : std::uint8_t {
    ok,
    unexpected,  ///< not what was expected
    finding,     ///< something breaks, and nothing was expected
    skip,
    error
};

[[nodiscard]] std::string to_string(Verdict verdict);
[[nodiscard]] std::string to_string(Status status);

/// What became of one variant.
struct Result {
    std::string case_name, variant;
    std::vector<std::string> covers;
    std::string guest;   ///< a digest of its ELF file, or empty
    std::string expect;  ///< "holds", or "breaks I4"; empty if nothing is expected
    Verdict verdict = Verdict::error;
    Status status = Status::error;
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};  ///< of all workers together
    bool modelled = false;
    std::string message;      ///< why it is unexpected or an error; of a sweep that stopped early, what is left open
    std::string skip_reason;  ///< if skipped
};

/// Compares what a sweep found on a CPU of `vendor` with what the variant expects there. A shard of a variant that is
/// to break is as expected whatever it found: only the whole can be compared. A sweep that stopped after N findings is
/// as expected if each of them is.
[[nodiscard]] Result judge(const Case& of, const Variant& variant, vm::Vendor vendor, sweep::SweepResult sweep);

}  // namespace gatecrash::suite
