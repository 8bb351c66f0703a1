#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "sweep/check/kept_state.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// A stretch of a guest's run that is swept: from one of the workload's BEGIN doorbells to the next END.
struct Window {
    vm::Snapshot begin;                ///< behind BEGIN; the opening event has not landed
    std::optional<vm::Event> opening;  ///< what the workload asked to arrive there
    bool round_trip = false;           ///< at END the registers are to be as they are in `begin`
    std::uint64_t log_head = 0;        ///< records in the log ring at BEGIN
    std::optional<vm::Snapshot> end;   ///< how the run without events ends; empty while that is not known
    std::set<std::uint32_t> vectors;   ///< that the run without events takes
    std::map<std::uint32_t, std::uint64_t> nesting_limits;  ///< as in LogExpectation
    /// States that the run without events has at CPL 3; empty while they are not known.
    std::optional<std::vector<KeptState>> user;
};

/// Runs freely to the next BEGIN. Empty at DONE. Throws vm::ImageError if the guest does anything else.
[[nodiscard]] std::optional<Window> next_window(vm::Guest& guest);

/// Puts the guest at the beginning of `window`, its opening event landed.
void open_window(vm::Guest& guest, const Window& window);

[[nodiscard]] std::uint64_t log_head(vm::Guest& guest);
/// The vectors that handler bodies logged since the window began.
[[nodiscard]] std::set<std::uint32_t> vectors_since(vm::Guest& guest, const Window& window);

/// Refuses a workload that left END out: throws vm::ImageError if a run without events ended with another
/// doorbell.
void check_end(vm::Guest& guest, const vm::Outcome& outcome);

/// The log records that were added since the window began.
[[nodiscard]] std::vector<abi::LogRecord> records_since(vm::Guest& guest, const Window& window);

}  // namespace gatecrash::sweep
