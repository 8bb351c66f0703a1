#include "sweep/outcome_map.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gatecrash::sweep {
namespace {

/// The letters of Cell, in its order.
constexpr std::string_view letters = ".-wphb";

void raise(Cell& cell, Cell to) { cell = std::max(cell, to); }

void raise(Cells& cells, std::size_t column, Cell to) {
    if (column >= cells.size()) cells.resize(column + 1);
    raise(cells[column], to);
}

void drop_trailing(Cells& cells) {
    while (!cells.empty() && cells.back() == Cell::not_reached) cells.pop_back();
}

/// Keeps only these columns of the pairs, in this order.
void take_columns(OutcomeMap& map, const std::vector<std::size_t>& taken) {
    std::vector<MapPlace> instructions;
    instructions.reserve(taken.size());
    for (const auto i : taken) instructions.push_back(map.instructions[i]);
    map.instructions = std::move(instructions);
    for (auto& [row, cells] : map.pairs) {
        Cells moved(taken.size());
        for (std::size_t i = 0; i < taken.size(); ++i) {
            if (taken[i] < cells.size()) moved[i] = cells[taken[i]];
        }
        drop_trailing(moved);
        cells = std::move(moved);
    }
}

/// Computes Finding::order from a window and from where the first event is delivered.
class Orders {
  public:
    /// `map` must outlive this.
    explicit Orders(const OutcomeMap& map) : map_(map) {
        for (const auto& path : map.windows) before_.push_back(before_.back() + path.size());
    }
    [[nodiscard]] std::uint64_t of(std::uint64_t window, const MapFirst& at) const {
        return (before_.at(window) + at.boundary) * map_.events.size() + at.event;
    }

  private:
    const OutcomeMap& map_;
    std::vector<std::uint64_t> before_{0};  ///< boundaries before each window
};

void drop_pairs_from(OutcomeMap& map, std::uint64_t order) {
    const Orders orders(map);
    std::erase_if(map.pairs, [&](const auto& row) { return orders.of(row.first.window, *row.first.first) >= order; });
}

/// Marks the columns in which a row has an outcome. Returns how many were not marked before.
std::size_t mark_used(std::vector<bool>& used, const Cells& cells) {
    std::size_t added = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (cells[i] == Cell::not_reached || used[i]) continue;
        used[i] = true;
        ++added;
    }
    return added;
}

/// Returns the columns of the pairs that have an outcome.
std::vector<std::size_t> used_columns(const OutcomeMap& map) {
    std::vector<bool> used(map.instructions.size());
    for (const auto& [row, cells] : map.pairs) mark_used(used, cells);
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i]) columns.push_back(i);
    }
    return columns;
}

/// Returns the first order with whose pairs there are too many instructions. Empty if there are not.
std::optional<std::uint64_t> overflow(const OutcomeMap& map) {
    std::vector<bool> used(map.instructions.size());
    std::size_t count = 0;
    for (const auto& [row, cells] : map.pairs) {  // in the order of the sweep
        count += mark_used(used, cells);
        if (count > OutcomeMap::most_instructions) return Orders(map).of(row.window, *row.first);
    }
    return std::nullopt;
}

}  // namespace

std::string to_string(const Cells& cells) {
    std::string text;
    for (auto run = cells.begin(); run != cells.end();) {
        const auto end = std::find_if(run, cells.end(), [&](Cell cell) { return cell != *run; });
        if (end == cells.end() && *run == Cell::not_reached) break;
        if (end - run > 1) text += std::to_string(end - run);
        text += letters[static_cast<std::size_t>(*run)];
        run = end;
    }
    return text;
}

std::optional<Cells> parse_cells(std::string_view text, std::size_t most) {
    Cells cells;
    while (!text.empty()) {
        std::size_t count = 1;
        const auto number = std::from_chars(text.data(), text.data() + text.size(), count);
        if (number.ec == std::errc::result_out_of_range || count > most - cells.size()) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(number.ptr - text.data()));
        const auto letter = text.empty() ? std::string_view::npos : letters.find(text.front());
        if (letter == std::string_view::npos) return std::nullopt;
        cells.insert(cells.end(), count, static_cast<Cell>(letter));
        text.remove_prefix(1);
    }
    return cells;
}

void OutcomeMap::include(const OutcomeMap& other) {
    if (events.empty()) events = other.events;
    if (other.pairs_end) pairs_end = std::min(pairs_end.value_or(*other.pairs_end), *other.pairs_end);
    windows.resize(std::max(windows.size(), other.windows.size()));
    for (std::size_t i = 0; i < other.windows.size(); ++i) {
        if (windows[i].size() < other.windows[i].size()) windows[i] = other.windows[i];
    }
    for (const auto& [row, cells] : other.singles) {
        for (std::size_t i = 0; i < cells.size(); ++i) raise(singles[row], i, cells[i]);
    }
    std::unordered_map<std::uint64_t, std::size_t> columns;
    for (const auto& place : instructions) columns.try_emplace(number(place.address), columns.size());
    for (const auto& place : other.instructions) {
        if (columns.try_emplace(number(place.address), columns.size()).second) instructions.push_back(place);
    }
    for (const auto& [row, cells] : other.pairs) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            raise(pairs[row], columns.at(number(other.instructions[i].address)), cells[i]);
        }
    }
}

void OutcomeMap::finish() {
    if (pairs_end) drop_pairs_from(*this, *pairs_end);
    if (const auto order = instructions.size() > most_instructions ? overflow(*this) : std::nullopt) {
        drop_pairs_from(*this, *order);
        pairs_end = order;
    }
    auto used = used_columns(*this);
    std::ranges::sort(used, {}, [&](std::size_t i) { return instructions[i].address; });
    take_columns(*this, used);
}

void OutcomeMap::cut(std::uint64_t order, unsigned depth) {
    if (depth == 1) {
        const Orders orders(*this);
        for (auto& [row, cells] : singles) {
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (orders.of(row.window, {i, row.event}) > order) cells[i] = Cell::not_reached;
            }
            drop_trailing(cells);
        }
        std::erase_if(singles, [](const auto& row) { return row.second.empty(); });
        // Another shard may have begun windows that this one did not reach.
        while (!windows.empty() && orders.of(windows.size() - 1, {0, 0}) > order) windows.pop_back();
    }
    if (depth != 2) return;
    drop_pairs_from(*this, order);
    if (pairs_end && *pairs_end >= order) pairs_end.reset();
    take_columns(*this, used_columns(*this));
}

void OutcomeMap::drop_pairs() {
    instructions.clear();
    pairs.clear();
    pairs_end.reset();
}

void MapRecorder::begin_path(std::uint64_t window, const std::optional<MapFirst>& first,
                             std::uint64_t boundaries_before) {
    const auto most = first ? OutcomeMap::most_first_boundaries : OutcomeMap::most_boundaries;
    is_recording_ = boundaries_before + (first ? first->boundary : 0) < most && !(first && map_.pairs_end);
    window_ = window;
    first_ = first;
    boundaries_before_ = boundaries_before;
    rows_.assign(map_.events.size(), nullptr);
}

void MapRecorder::note(std::uint64_t event, Cell cell) {
    if (!is_recording_ || !is_in_map_) return;
    auto*& row = rows_[event];
    if (row == nullptr) row = &(first_ ? map_.pairs : map_.singles)[{window_, first_, event}];
    raise(*row, column_, cell);
}

void MapRecorder::end_pairs() {
    if (!map_.pairs_end) map_.pairs_end = (boundaries_before_ + first_->boundary) * map_.events.size() + first_->event;
}

void MapRecorder::restart() {
    columns_.clear();
    for (const auto& place : map_.instructions) columns_.try_emplace(number(place.address), columns_.size());
}

}  // namespace gatecrash::sweep
