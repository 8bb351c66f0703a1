// Keeps the outcome of each event at each boundary, from which reports draw their maps.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gatecrash/address.hpp"

namespace gatecrash::sweep {

/// The outcome of an event at a boundary. A cell that stands for several schedules has the last of theirs.
enum class Cell : std::uint8_t {
    not_reached,  ///< the sweep stopped before it, or another shard runs it
    cannot_land,  ///< hardware cannot make the event arrive there, or it is outside the event's window
    waits,        ///< the event is masked there; the run is that of the boundary where it is delivered
    pruned,       ///< not run, because an equivalent schedule was run
    held,
    broke
};

using Cells = std::vector<Cell>;

/// Writes cells as runs of letters, such as "12h3-b": twelve that held, three where the event cannot land, one that
/// broke. Cells at the end that were not reached are left out.
[[nodiscard]] std::string to_string(const Cells& cells);
/// Reads what to_string() returns. Empty if `text` is something else, or has more than `most` cells.
[[nodiscard]] std::optional<Cells> parse_cells(std::string_view text, std::size_t most);

/// An instruction, by its address and by the nearest symbol.
struct MapPlace {
    vm::Virtual address{};
    std::string symbol{};      ///< empty below all symbols
    std::uint64_t offset = 0;  ///< bytes after the symbol

    bool operator==(const MapPlace&) const = default;
};

/// The first event of a pair, and the boundary where it is delivered.
struct MapFirst {
    std::uint64_t boundary = 0;  ///< index on the path of its window
    std::uint64_t event = 0;     ///< index in OutcomeMap::events

    auto operator<=>(const MapFirst&) const = default;
};

/// Names a row of a map: the schedules that differ only in where their last event is delivered.
struct MapRow {
    std::uint64_t window = 0;
    std::optional<MapFirst> first{};  ///< empty for schedules of one event
    std::uint64_t event = 0;          ///< the last event, as an index in OutcomeMap::events

    auto operator<=>(const MapRow&) const = default;
};

/// The outcomes of all schedules of one and of two events.
struct OutcomeMap {
    /// Boundaries of the run without events for which outcomes are kept; later ones have none. They bound the size of
    /// documents: a window can have millions of boundaries.
    static constexpr std::uint64_t most_boundaries = 65'536;
    static constexpr std::uint64_t most_first_boundaries = 1'024;  ///< the same for pairs
    static constexpr std::uint64_t most_instructions = 8'192;      ///< the most `instructions`: see `pairs_end`

    std::vector<std::string> events{};  ///< as schedules name them
    /// The boundaries of each window. They are the columns of `singles`.
    std::vector<std::vector<MapPlace>> windows{};
    /// The instructions before which second events can land, by address. They are the columns of `pairs`.
    std::vector<MapPlace> instructions{};
    std::map<MapRow, Cells> singles{}, pairs{};
    /// The first events whose pairs are left out, if any are: those from this Finding::order on. With the pairs of the
    /// first of them there would be too many instructions.
    std::optional<std::uint64_t> pairs_end{};

    /// Adds what another shard of the same sweep recorded.
    void include(const OutcomeMap& other);
    /// Sorts the instructions, which a sweep meets in any order. Drops the pairs from the first event on with which
    /// there are too many instructions. A sweep and its shards agree on that event, because it depends on no later one.
    void finish();
    /// Drops what a sweep did after a finding. `order` is Finding::order of a finding of `depth` events. Of pairs, also
    /// drops those with the first event of the finding, since a shard may have run more of them than another.
    void cut(std::uint64_t order, unsigned depth);
    void drop_pairs();

    bool operator==(const OutcomeMap&) const = default;
};

/// Records the outcomes of a sweep in a map, one path after another.
class MapRecorder {
  public:
    /// `map` must outlive the recorder.
    explicit MapRecorder(OutcomeMap& map) : map_(map) {}

    /// Begins the path on which the last event of each schedule is delivered. `first` is empty if that is the path
    /// without events. `boundaries_before` counts the boundaries of earlier windows.
    void begin_path(std::uint64_t window, const std::optional<MapFirst>& first, std::uint64_t boundaries_before);
    /// Ends the path: what follows is not recorded.
    void end_path() { is_recording_ = false; }
    /// Begins a boundary of the path. `name` returns its MapPlace, which the recorder needs once for each instruction.
    template <typename Name>
    void begin_boundary(std::uint64_t boundary, vm::Virtual rip, const Name& name) {
        if (!is_recording_) return;
        column_ = first_ ? column_of(rip, name) : boundary;
        is_in_map_ = first_ ? !map_.pairs_end : column_ < OutcomeMap::most_boundaries - boundaries_before_;
    }
    /// Records the outcome of an event at the current boundary, unless a worse one is known.
    void note(std::uint64_t event, Cell cell);
    /// Continues from what the map contains, after it was replaced.
    void restart();

  private:
    template <typename Name>
    std::uint64_t column_of(vm::Virtual rip, const Name& name) {
        const auto known = columns_.find(vm::number(rip));
        if (known != columns_.end()) return known->second;
        const auto column = columns_.size();
        if (column == OutcomeMap::most_instructions) {
            end_pairs();
            return column;
        }
        columns_.emplace(vm::number(rip), column);
        map_.instructions.push_back(name());
        return column;
    }

    /// Ends the pairs of the map with those of the first event before the current one.
    void end_pairs();

    OutcomeMap& map_;
    std::uint64_t window_ = 0, boundaries_before_ = 0, column_ = 0;
    std::optional<MapFirst> first_;
    bool is_recording_ = false, is_in_map_ = false;
    std::vector<Cells*> rows_;                                  ///< of the current path, by event; null: not looked up
    std::unordered_map<std::uint64_t, std::uint64_t> columns_;  ///< index in OutcomeMap::instructions, by address
};

}  // namespace gatecrash::sweep
