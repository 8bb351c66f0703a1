#include "kernel/place.hpp"

#include <fmt/format.h>

#include <charconv>

namespace gatecrash::kernel {

std::optional<Place> parse_place(std::string_view text) {
    Place place{std::string(text.substr(0, text.find('+')))};
    if (place.symbol.empty()) return std::nullopt;
    if (place.symbol.size() == text.size()) return place;
    const auto offset = text.substr(place.symbol.size() + 1);
    if (!offset.starts_with("0x")) return std::nullopt;
    const auto* const last = offset.data() + offset.size();
    const auto [end, error] = std::from_chars(offset.data() + 2, last, place.offset, 16);
    return error == std::errc{} && end == last ? std::optional(place) : std::nullopt;
}

std::string to_string(const Place& place) {
    return place.offset == 0 ? place.symbol : fmt::format("{}+{:#x}", place.symbol, place.offset);
}

}  // namespace gatecrash::kernel
