#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecrash::explore {

/// A rule that must hold in every run: I1 to I16 of the catalogue. This version checks those that have a name here.
enum class Invariant : std::uint8_t {
    round_trip = 1,            ///< what was interrupted finds all its registers as they were
    kernel_gs = 2,             ///< GS base and KERNEL_GS_BASE are what they were
    page_tables = 3,           ///< so is CR3
    stack = 4,                 ///< no live frame is overwritten or used twice; canaries are intact
    event_conservation = 5,    ///< each event's handler body runs, none twice for one event, none inside itself
    nmi_mask = 6,              ///< NMIs are not masked, and none is latched, when everything has returned
    progress = 7,              ///< the run ends
    no_unexpected_vector = 8,  ///< no exception but those the guest takes anyway; no triple fault
    read_only_tables = 15,     ///< nothing writes to read-only memory
};

/// "I4".
[[nodiscard]] std::string to_string(Invariant invariant);

/// One rule that one run broke.
struct Violation {
    Invariant invariant;
    std::string message;  ///< one line: what was expected, what was found, where

    bool operator==(const Violation&) const = default;
};

/// The violation to report first. A destroyed frame is the cause of nearly everything else that goes wrong in the same
/// run, and that it never ends is nearly always a consequence; so the order is one of causes, not of time. `violations`
/// is not empty.
[[nodiscard]] const Violation& most_causal(const std::vector<Violation>& violations);

}  // namespace gatecrash::explore
