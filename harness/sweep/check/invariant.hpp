#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::sweep {

/// A rule that must hold in every run: I1 to I16 of the catalogue, I17 for kernels, and I18.
enum class Invariant : std::uint8_t {
    round_trip = 1,            ///< interrupted code finds all its registers unchanged
    kernel_gs = 2,             ///< GS base and KERNEL_GS_BASE are unchanged
    page_tables = 3,           ///< CR3 and the page tables are unchanged
    stack = 4,                 ///< no live frame is overwritten or used twice; canaries are intact
    event_conservation = 5,    ///< the body of each event's handler runs, and never twice for one event; an NMI's never
                               ///< nests, others only as deep as the guest's nesting_limits
    nmi_mask = 6,              ///< when everything has returned, NMIs are not masked and none is latched
    progress = 7,              ///< the run ends
    no_unexpected_vector = 8,  ///< no exceptions except those that the run without events takes; no triple fault
    fault_origin = 9,          ///< a fault of the user's is reported as the user's; one of the kernel's never is
    context_tracking = 10,     ///< handler bodies run in kernel context, which is entered and left once
    flags = 11,                ///< a body begins with the flags that its gate and entry promise
    fault_registers = 12,      ///< CR2, DR6 and DR7 belong to the body's own event, and after it to the interrupted
                               ///< code
    leak = 13,                 ///< the user sees no data of the kernel's
    exit_work = 14,            ///< the kernel does not return to the user before it has done pending work
    read_only_tables = 15,     ///< nothing writes to read-only memory
    interrupt_stacks = 16,     ///< IST entries are what they were
    kernel_memory = 17,        ///< a kernel's memory is as if the same events had arrived one after another
    noinstr = 18,              ///< entry code calls and jumps out of the protected sections only where it says so
};

/// Every invariant, by its number.
[[nodiscard]] std::span<const Invariant> invariants();

/// "I4", for programs: it stands in JSON and in expectation files.
[[nodiscard]] std::string to_string(Invariant invariant);
/// "stack": the words for an invariant. docs/reference/invariants.md has a section with this name.
[[nodiscard]] std::string_view name_of(Invariant invariant);
/// "I4 (stack)", for people.
[[nodiscard]] std::string describe(Invariant invariant);

/// Reads what to_string() makes. Empty if `name` is no invariant.
[[nodiscard]] std::optional<Invariant> parse_invariant(std::string_view name);

/// One rule that one run broke.
struct Violation {
    Invariant invariant;
    std::string message;  ///< one line: what was expected, what was found, where

    bool operator==(const Violation&) const = default;
};

/// "I4 (stack): MESSAGE", as every report for people shows a violation.
[[nodiscard]] std::string describe(const Violation& violation);

/// Orders invariants that show at the same moment. The lowest rank is most often the cause of the others. A destroyed
/// frame has rank 0, and a run that never ends has the highest one.
[[nodiscard]] unsigned causal_rank(Invariant invariant);

}  // namespace gatecrash::sweep
