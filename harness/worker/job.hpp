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

/// One sweep, without a shard.
struct Sweep {
    Guest guest;
    std::vector<vm::Event> events{vm::Event::nmi()};
    std::vector<suite::WatchedByte> watched{};  ///< a `watch` of each lands, too
    unsigned depth = 1;
    std::vector<sweep::SymbolRange> window{};
    bool prune = true;
    std::optional<vm::StepperKind> stepper{};     ///< empty: what suits the machine
    std::optional<std::uint64_t> budget{};        ///< schedules
    std::optional<std::uint64_t> max_findings{};  ///< after which it stops
    std::vector<vm::Behaviour> needs{};           ///< behaviours without which it is skipped

    bool operator==(const Sweep&) const = default;
};

/// Limit of the findings that a worker tells during a sweep without `max_findings`. The result has all of them.
constexpr std::uint64_t most_told = 25;

/// All that a worker does: one line on its standard input.
struct Job {
    std::vector<Sweep> sweeps;
    sweep::Shard shard{};         ///< of each of them
    std::size_t first = 0;        ///< index of the sweep to begin with; those before are done
    std::optional<Saved> from{};  ///< where to go on with the first
    bool saves = false;           ///< it tells where it is, again and again
    bool counts = false;          ///< it tells the number of boundaries of each sweep

    bool operator==(const Job&) const = default;
};

/// Returns how a worker sweeps `image`, with `usual` unless another stepper is asked for or has to follow what lands.
/// The members that are about watching the sweep are empty. Throws vm::ImageError for a watched symbol that `image`
/// lacks.
[[nodiscard]] sweep::SweepOptions options_of(const Sweep& sweep, const vm::Image& image, vm::StepperKind usual);

/// Returns the bytes that decide what `sweep` does, for a digest: its guest's ELF file, its events, depth, window and
/// limits. Throws what content_of(guest) throws.
[[nodiscard]] std::string content_of(const Sweep& sweep);

/// Without a newline.
[[nodiscard]] std::string to_line(const Job& job);
/// Throws ProtocolError.
[[nodiscard]] Job read_job(std::string_view line);

}  // namespace gatecrash::worker
