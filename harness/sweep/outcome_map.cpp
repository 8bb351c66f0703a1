#include "sweep/outcome_map.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>
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
    has_too_many_instructions |= other.has_too_many_instructions;
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
    has_too_many_instructions |= instructions.size() > most_instructions;
    if (has_too_many_instructions) return drop_pairs();
    std::vector<std::size_t> order(instructions.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::size_t i) { return instructions[i].address; });
    take_columns(*this, order);
}

void OutcomeMap::cut(std::uint64_t order, unsigned depth) {
    std::vector<std::uint64_t> before{0};
    for (const auto& path : windows) before.push_back(before.back() + path.size());
    const auto order_of = [&](const MapRow& row, const MapFirst& at) {
        return (before.at(row.window) + at.boundary) * events.size() + at.event;
    };
    if (depth == 1) {
        for (auto& [row, cells] : singles) {
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (order_of(row, {i, row.event}) > order) cells[i] = Cell::not_reached;
            }
            drop_trailing(cells);
        }
        std::erase_if(singles, [](const auto& row) { return row.second.empty(); });
    }
    if (depth != 2) return;
    std::erase_if(pairs, [&](const auto& row) { return order_of(row.first, *row.first.first) >= order; });
    std::set<std::size_t> used;
    for (const auto& [row, cells] : pairs) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (cells[i] != Cell::not_reached) used.insert(i);
        }
    }
    take_columns(*this, {used.begin(), used.end()});
}

void OutcomeMap::drop_pairs() {
    instructions.clear();
    pairs.clear();
}

void MapRecorder::begin_path(std::uint64_t window, const std::optional<MapFirst>& first,
                             std::uint64_t boundaries_before) {
    const auto most = first ? OutcomeMap::most_first_boundaries : OutcomeMap::most_boundaries;
    is_recording_ = boundaries_before + (first ? first->boundary : 0) < most;
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

void MapRecorder::restart() {
    columns_.clear();
    for (const auto& place : map_.instructions) columns_.try_emplace(number(place.address), columns_.size());
}

}  // namespace gatecrash::sweep
