// Schedules: the whole input of one run besides the guest. Syntax:
//
//     TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...]
//     TARGET                                       the empty schedule
//
// TARGET is CASE/VARIANT or the path of an ELF file. EVENT is one of event_forms(). BOUNDARY is SYMBOL[+OFFSET][#HIT]
// or a plain index. ADDRESS is a number or SYMBOL[+OFFSET].
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

/// Thrown for a schedule, event or boundary that cannot be read, or does not fit the guest. `what()` says what would.
class ScheduleError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A point between two executed instructions.
struct Boundary {
    std::string symbol;
    std::uint64_t offset = 0;  ///< bytes after the symbol
    /// Which occurrence of this instruction in the guest's windows since the previous event landed, counting from 1.
    unsigned hit = 1;
    /// If set, this index names the boundary, counted from 0 in the same way, and the other members are unused.
    std::optional<std::uint64_t> index;

    bool operator==(const Boundary&) const = default;
};

/// The code from one symbol up to, but not including, another, for events of one kind or of every kind.
struct SymbolRange {
    std::string from;
    std::string to;  ///< empty: only the instruction at `from`
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

/// Splits a text at its commas. An empty text has no pieces.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text);

/// Returns the address of a symbol in the guest `target`. Throws if there is none.
using AddressOf = std::function<std::uint64_t(const std::string& target, const std::string& symbol)>;

/// Reads a schedule. Without `address_of`, an ADDRESS is a number. Throws ScheduleError, and whatever `address_of`
/// throws.
[[nodiscard]] Schedule parse_schedule(std::string_view text, const AddressOf& address_of = {});
/// Reads a comma-separated list of events for the guest `target`, as --events takes it. Throws as parse_schedule()
/// does, and for an event that occurs twice.
[[nodiscard]] std::vector<vm::Event> parse_events(std::string_view text, const std::string& target = {},
                                                  const AddressOf& address_of = {});

/// Returns the forms in which an event can be written: "nmi", "irq", "irq=VECTOR", ...
[[nodiscard]] std::vector<std::string> event_forms();

/// Reads a comma-separated list of [EVENT:]FROM..TO and [EVENT:]SYMBOL, as --window takes it. Throws ScheduleError.
[[nodiscard]] std::vector<SymbolRange> parse_ranges(std::string_view text);

[[nodiscard]] std::string to_string(vm::Event::Kind kind);
/// Reads the name of a kind of event, as to_string() writes it. Empty if `name` is none.
[[nodiscard]] std::optional<vm::Event::Kind> parse_kind(std::string_view name);
[[nodiscard]] std::string to_string(vm::Event event);
[[nodiscard]] std::string to_string(const SymbolRange& range);
[[nodiscard]] std::string to_string(const Boundary& boundary);
[[nodiscard]] std::string to_string(const Schedule& schedule);

}  // namespace gatecrash::sweep
