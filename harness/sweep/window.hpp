#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "sweep/check/kept_state.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// The part of a guest's run that is swept: from one BEGIN doorbell of the workload to the next END.
struct Window {
    vm::Snapshot begin;                                     ///< state after BEGIN, before the opening event lands
    std::optional<vm::Event> opening;                       ///< the event that the workload asked for at BEGIN
    bool round_trip = false;                                ///< at END the registers must be as they are in `begin`
    std::uint64_t log_head = 0;                             ///< number of records in the log ring at BEGIN
    std::optional<vm::Snapshot> end;                        ///< how the run without events ends; empty while unknown
    std::set<std::uint32_t> vectors;                        ///< vectors that the run without events takes
    std::map<std::uint32_t, std::uint64_t> nesting_limits;  ///< see LogExpectation
    /// The states of user code (CPL 3) in the run without events; empty while unknown.
    std::optional<std::vector<KeptState>> user;
};

/// Runs freely to the next BEGIN. Empty at DONE. Throws vm::ImageError if the guest does anything else.
[[nodiscard]] std::optional<Window> next_window(vm::Guest& guest);

/// Restores the guest to the beginning of `window`, and lands its opening event.
void open_window(vm::Guest& guest, const Window& window);

[[nodiscard]] std::uint64_t log_head(vm::Guest& guest);
/// Returns the vectors that handler bodies have logged since the window began.
[[nodiscard]] std::set<std::uint32_t> vectors_since(vm::Guest& guest, const Window& window);

/// Throws vm::ImageError if a run without events ended with another doorbell than END: the workload left END out.
void check_end(vm::Guest& guest, const vm::Outcome& outcome);

/// Returns the log records that were added since the window began.
[[nodiscard]] std::vector<abi::LogRecord> records_since(vm::Guest& guest, const Window& window);

}  // namespace gatecrash::sweep
