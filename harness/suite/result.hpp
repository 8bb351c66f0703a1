// Results, and the only functions that make them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "suite/case.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::suite {

enum class Verdict : std::uint8_t { holds, breaks, skip, error };
enum class Status : std::uint8_t {
    ok,
    unexpected,  ///< differs from the expectation
    finding,     ///< something breaks, and there was no expectation
    skip,
    error
};

[[nodiscard]] std::string to_string(Verdict verdict);
[[nodiscard]] std::string to_string(Status status);

/// The result of one variant, or of a guest file.
struct Result {
    std::string case_name, variant;
    std::vector<std::string> covers;
    std::string guest;   ///< a digest of its ELF file, or empty
    std::string expect;  ///< "holds", or "breaks I4"; empty if nothing is expected
    Verdict verdict = Verdict::error;
    Status status = Status::error;
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};  ///< the sum for all workers
    bool modelled = false;
    std::string message;      ///< why it is unexpected or an error; or, after a sweep that stopped early, what is not
                              ///< judged
    std::string skip_reason;  ///< why it was skipped, if it was
    std::vector<std::string> replay_options{};  ///< options that `replay` needs for its schedules
    std::vector<std::string> trace{};           ///< of the only schedule; empty unless a report shows it
    bool partial = false;                       ///< a merge lacks shards of it
};

/// Says which sweep a result belongs to, and what is expected of it.
struct About {
    std::string case_name;  ///< for a guest file: its name
    std::string variant{};
    std::vector<std::string> covers{};
    bool modelled = false;
    std::optional<Expectation> expects{};  ///< empty if nothing is expected
    sweep::Shard shard{};
    std::string guest{};  ///< see Result
};

/// Returns the names of `variant`, without an expectation, for commands that look for whatever breaks.
[[nodiscard]] About about(const Case& of, const Variant& variant);
/// Returns the names of `variant`, with its expectation for a CPU of `vendor`.
[[nodiscard]] About about(const Case& of, const Variant& variant, vm::Vendor vendor);

// The functions below leave `seconds` and `spent` to the caller, who measured them.

/// Makes the result of a sweep, compared with `about.expects`, which must be set: see judge().
[[nodiscard]] Result judged(const About& about, sweep::SweepResult sweep);
/// Makes the result of a sweep, without comparing it with anything.
[[nodiscard]] Result found(const About& about, sweep::SweepResult sweep);
/// Makes the result of one schedule. `violations` is empty if every invariant held.
[[nodiscard]] Result replayed(const About& about, const sweep::Schedule& schedule,
                              std::span<const sweep::Violation> violations);
/// Makes the result of a sweep without a verdict, because it did not begin. If it was interrupted, `sweep` is its
/// result so far.
[[nodiscard]] Result skipped(const About& about, std::string why, sweep::SweepResult sweep = {});
/// Makes the result of a sweep that a fault of the host or the harness ended.
[[nodiscard]] Result failed(const About& about, std::string why);

}  // namespace gatecrash::suite
