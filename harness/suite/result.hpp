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
    unexpected,  ///< not what was expected
    finding,     ///< something breaks, and nothing was expected
    skip,
    error
};

[[nodiscard]] std::string to_string(Verdict verdict);
[[nodiscard]] std::string to_string(Status status);

/// What became of one variant, or of a guest that is a file.
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

/// Says what a result is about, and what is expected of it.
struct About {
    std::string case_name;  ///< of a guest that is no variant: the name of its file
    std::string variant{};
    std::vector<std::string> covers{};
    bool modelled = false;
    std::optional<Expectation> expects{};  ///< empty: nothing is expected
    sweep::Shard shard{};
    std::string guest{};  ///< as in Result
};

/// Returns what a result of `variant` is about, without an expectation: that of whoever looks for what breaks.
[[nodiscard]] About about(const Case& of, const Variant& variant);
/// The same, with what the variant expects on a CPU of `vendor`.
[[nodiscard]] About about(const Case& of, const Variant& variant, vm::Vendor vendor);

// The functions below leave `seconds` and `spent` to whoever measured them.

/// Compares what a sweep found with `about.expects`, which is not empty: see judge().
[[nodiscard]] Result judged(const About& about, sweep::SweepResult sweep);
/// Tells what a sweep found, without comparing it with anything.
[[nodiscard]] Result found(const About& about, sweep::SweepResult sweep);
/// Tells what one schedule did, of which `violations` are empty if every invariant held.
[[nodiscard]] Result replayed(const About& about, const sweep::Schedule& schedule,
                              std::span<const sweep::Violation> violations);
/// Tells that nothing can be said, since the sweep was not begun or, with the `sweep` so far, did not end.
[[nodiscard]] Result skipped(const About& about, std::string why, sweep::SweepResult sweep = {});
/// Tells of a fault of the host or the harness.
[[nodiscard]] Result failed(const About& about, std::string why);

}  // namespace gatecrash::suite
