// A worker's job, as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "suite/case.hpp"
#include "sweep/sweep.hpp"
#include "vm/stepping/stepper.hpp"
#include "worker/guest.hpp"
#include "worker/protocol.hpp"

namespace gatecrash::worker {

/// One whole sweep; Job::shard divides it.
struct Sweep {
    Guest guest;
    std::vector<vm::Event> events{vm::Event::nmi()};
    std::vector<suite::WatchedByte> watched{};  ///< events include a `watch` of each
    unsigned depth = 1;
    std::vector<sweep::SymbolRange> window{};
    bool prune = true;
    bool in_order = false;                        ///< see sweep::SweepOptions
    std::optional<vm::StepperKind> stepper{};     ///< empty: the one that suits the machine
    std::optional<std::uint64_t> budget{};        ///< maximum number of schedules
    std::optional<std::uint64_t> max_findings{};  ///< the sweep stops after this many findings
    std::vector<vm::Behaviour> needs{};           ///< the sweep is skipped on a machine that lacks one of these

    bool operator==(const Sweep&) const = default;
};

/// Maximum number of findings that a worker reports during a sweep without `max_findings`. The result has all of them.
constexpr std::uint64_t most_told = 25;

/// All the work of one worker, sent as one line to its standard input.
struct Job {
    std::vector<Sweep> sweeps;
    sweep::Shard shard{};         ///< the worker's part of each sweep
    std::size_t first = 0;        ///< index of the first sweep to do; earlier ones are done
    std::optional<Saved> from{};  ///< where the first sweep resumes
    bool saves = false;           ///< the worker reports its checkpoints regularly
    bool counts = false;          ///< the worker reports the number of boundaries of each sweep
    bool with_details = false;    ///< see sweep::SweepOptions

    bool operator==(const Job&) const = default;
};

/// Returns the options with which a worker sweeps `image`. The stepper is `usual`, unless the sweep names another one,
/// or the events need one. Leaves the callbacks empty. Throws vm::ImageError for a watched symbol that `image` lacks.
[[nodiscard]] sweep::SweepOptions options_of(const Sweep& sweep, const vm::Image& image, vm::StepperKind usual);
/// Returns the options that do not depend on a guest's image.
[[nodiscard]] sweep::SweepOptions options_of(const Sweep& sweep);

/// Returns the bytes that decide what `sweep` does, for a digest: its guest's ELF file, its events, depth, window and
/// limits. Throws what content_of(guest) throws.
[[nodiscard]] std::string content_of(const Sweep& sweep);

/// Returns one line, without a newline.
[[nodiscard]] std::string to_line(const Job& job);
/// Reads what to_line() returns. Throws ProtocolError.
[[nodiscard]] Job read_job(std::string_view line);

}  // namespace gatecrash::worker
