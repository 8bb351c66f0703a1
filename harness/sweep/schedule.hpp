// Schedules: the whole input of one run besides the guest. Syntax:
//
//     TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...]
//     TARGET                                       the empty schedule
//
// TARGET is CASE/VARIANT or the path of an ELF file, EVENT is what event_forms() says, and BOUNDARY
// is SYMBOL[+OFFSET][#HIT] or a plain index. ADDRESS is a number or SYMBOL[+OFFSET].
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatecrash/event.hpp"

namespace gatecrash::sweep {

/// A schedule, event or boundary that cannot be read, or does not fit the guest. `what()` says what would.
class ScheduleError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A point between two executed instructions.
struct Boundary {
    std::string symbol;
    std::uint64_t offset = 0;  ///< bytes behind the symbol
    /// The how-manieth time, from 1, that this instruction is about to execute inside the guest's windows since the
    /// previous event landed.
    unsigned hit = 1;
    /// If set, the boundary is this one, counted from 0 in the same way, and the rest is unused.
    std::optional<std::uint64_t> index;

    bool operator==(const Boundary&) const = default;
};

/// The code from a first symbol up to, and not including, a second, for events of one kind or of any.
struct SymbolRange {
    std::string from, to;
    std::optional<vm::Event::Kind> of{};

    bool operator==(const SymbolRange&) const = default;
};

struct Landing {
    vm::Event event;
    Boundary boundary;

    bool operator==(const Landing&) const = default;
};

struct Schedule {
    std::string target;
    std::vector<Landing> landings;

    bool operator==(const Schedule&) const = default;
};

/// Returns the address of a symbol in the guest `target`. Throws if there is none.
using AddressOf = std::function<std::uint64_t(const std::string& target, const std::string& symbol)>;

/// Reads a schedule. Without `address_of`, an ADDRESS is a number. Throws ScheduleError, and what `address_of` throws.
[[nodiscard]] Schedule parse_schedule(std::string_view text, const AddressOf& address_of = {});
/// Reads a comma-separated list of events of the guest `target`, as in --events. Throws as parse_schedule() does.
[[nodiscard]] std::vector<vm::Event> parse_events(std::string_view text, const std::string& target = {},
                                                  const AddressOf& address_of = {});

/// Returns the forms of an event that can be read: "nmi", "irq", "irq=VECTOR", ...
[[nodiscard]] std::vector<std::string> event_forms();

/// Reads a comma-separated list of [EVENT:]FROM..TO, as in --window. Throws ScheduleError.
[[nodiscard]] std::vector<SymbolRange> parse_ranges(std::string_view text);

[[nodiscard]] std::string to_string(vm::Event::Kind kind);
/// Reads what to_string() makes. Empty if `name` is no kind of event.
[[nodiscard]] std::optional<vm::Event::Kind> parse_kind(std::string_view name);
[[nodiscard]] std::string to_string(vm::Event event);
[[nodiscard]] std::string to_string(const SymbolRange& range);
[[nodiscard]] std::string to_string(const Boundary& boundary);
[[nodiscard]] std::string to_string(const Schedule& schedule);

}  // namespace gatecrash::sweep
