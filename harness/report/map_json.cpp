#include "report/map_json.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <span>

namespace gatecrash::report {
namespace {

using sweep::MapPlace;
using sweep::MapRow;

/// Takes the first word of a text whose words are separated by spaces.
std::string_view take_word(std::string_view& text) {
    const auto end = text.find(' ');
    const auto word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

std::uint64_t number_in(std::string_view word, int base) {
    std::uint64_t number = 0;
    const auto* const end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data(), end, number, base);
    if (word.empty() || parsed.ec != std::errc{} || parsed.ptr != end)
        throw JsonError(fmt::format("'{}' is not a number of a map", word));
    return number;
}

/// Takes a number that is less than `end`.
std::uint64_t take_index(std::string_view& text, std::uint64_t end) {
    const auto index = number_in(take_word(text), 10);
    if (index >= end) throw JsonError(fmt::format("a map has no {} in a row", index));
    return index;
}

Json rows_json(const std::map<MapRow, sweep::Cells>& rows) {
    auto list = Json::array();
    for (const auto& [row, cells] : rows) {
        const auto first = row.first ? fmt::format("{} {} ", row.first->boundary, row.first->event) : "";
        list.push_back(fmt::format("{} {}{} {}", row.window, first, row.event, to_string(cells)));
    }
    return list;
}

/// Reads the rows of `map` for schedules of one event, or of pairs.
std::map<MapRow, sweep::Cells> to_rows(const Json& list, const sweep::OutcomeMap& map, bool are_pairs) {
    std::map<MapRow, sweep::Cells> rows;
    for (const auto& item : list) {
        const auto text = item.get<std::string>();
        std::string_view rest = text;
        MapRow row{.window = take_index(rest, map.windows.size())};
        const auto boundaries = map.windows[row.window].size();
        if (are_pairs) {
            row.first.emplace();
            row.first->boundary = take_index(rest, boundaries);
            row.first->event = take_index(rest, map.events.size());
        }
        row.event = take_index(rest, map.events.size());
        auto cells = sweep::parse_cells(rest, are_pairs ? map.instructions.size() : boundaries);
        if (!cells) throw JsonError(fmt::format("'{}' is not a row of a map", text));
        if (!rows.try_emplace(row, std::move(*cells)).second)
            throw JsonError(fmt::format("a map has the row '{}' twice", text));
    }
    return rows;
}

}  // namespace

Json places_json(std::span<const MapPlace> places) {
    auto list = Json::array();
    const auto base = [](const MapPlace& place) { return vm::number(place.address) - place.offset; };
    for (std::size_t i = 0; i < places.size();) {
        const auto& first = places[i];
        std::string offsets;
        for (; i < places.size() && places[i].symbol == first.symbol && base(places[i]) == base(first); ++i)
            offsets += fmt::format("{}{:x}", offsets.empty() ? "" : " ", places[i].offset);
        list.push_back({first.symbol, fmt::format("{:#x}", base(first)), offsets});
    }
    return list;
}

std::vector<MapPlace> to_places(const Json& list, std::size_t most) {
    std::vector<MapPlace> places;
    for (const auto& group : list) {
        const auto symbol = group.at(0).get<std::string>();
        const auto address = group.at(1).get<std::string>();
        if (!address.starts_with("0x")) throw JsonError(fmt::format("'{}' is not an address", address));
        const auto base = number_in(std::string_view(address).substr(2), 16);
        const auto offsets = group.at(2).get<std::string>();
        for (std::string_view rest = offsets; !rest.empty();) {
            const auto offset = number_in(take_word(rest), 16);
            places.push_back({vm::Virtual{base + offset}, symbol, offset});
            if (places.size() > most) throw JsonError("a map has too many boundaries");
        }
    }
    return places;
}

Json to_json(const sweep::OutcomeMap& map) {
    auto windows = Json::array();
    for (const auto& path : map.windows) windows.push_back(places_json(path));
    Json json{{"events", map.events},
              {"windows", std::move(windows)},
              {"singles", rows_json(map.singles)},
              {"instructions", places_json(map.instructions)},
              {"pairs", rows_json(map.pairs)}};
    if (map.pairs_end) json["pairs_end"] = *map.pairs_end;
    return json;
}

sweep::OutcomeMap to_map(const Json& object) {
    sweep::OutcomeMap map;
    map.events = object.at("events").get<std::vector<std::string>>();
    std::size_t left = sweep::OutcomeMap::most_boundaries;
    for (const auto& path : object.at("windows")) {
        map.windows.push_back(to_places(path, left));
        left -= map.windows.back().size();
    }
    map.instructions = to_places(object.at("instructions"), sweep::OutcomeMap::most_instructions);
    map.singles = to_rows(object.at("singles"), map, false);
    map.pairs = to_rows(object.at("pairs"), map, true);
    if (object.contains("pairs_end")) map.pairs_end = number(object, "pairs_end");
    return map;
}

}  // namespace gatecrash::report
