#include "sweep/schedule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <ranges>

#include "vm/landing/event_kind.hpp"

namespace gatecrash::sweep {
namespace {

constexpr std::string_view schedule_syntax =
    "a schedule is TARGET@EVENT:BOUNDARY[,EVENT:BOUNDARY...], for instance nested-nmi/flag-only@nmi:entry_nmi+0x1f";
constexpr std::string_view boundary_syntax =
    "a boundary is SYMBOL[+OFFSET][#HIT], for instance entry_nmi+0x1f#2, or a plain index";

std::string event_syntax() {
    auto forms = event_forms();
    const auto last = std::move(forms.back());
    forms.pop_back();
    return fmt::format("an event is {} or {}; ADDRESS is a number or SYMBOL[+OFFSET]", fmt::join(forms, ", "), last);
}

[[noreturn]] void fail(std::string_view piece, std::string_view why, std::string_view syntax) {
    throw ScheduleError(fmt::format("'{}': {}: {}", piece, why, syntax));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// True if assemblers and linkers accept `c` in a symbol. '@' does not count, since it ends the target.
bool is_symbol_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
}

/// Reads a decimal or 0x-prefixed hexadecimal number of at most `max`. Empty if `text` is anything else.
std::optional<std::uint64_t> parse_number(std::string_view text,
                                          std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
    return value;
}

/// Cuts off the last `separator` of `text` and what follows it, and returns what follows. Empty if there is no
/// separator.
std::optional<std::string_view> take_behind(std::string_view& text, char separator) {
    const auto at = text.rfind(separator);
    if (at == std::string_view::npos) return std::nullopt;
    const auto after = text.substr(at + 1);
    text = text.substr(0, at);
    return after;
}

/// Reads events of one guest, and asks for the addresses of its symbols.
struct EventReader {
    const std::string& target;
    const AddressOf& address_of;

    [[nodiscard]] vm::Event read(std::string_view text) const;
    [[nodiscard]] std::uint64_t read_address(std::string_view text, std::string_view event) const;
    [[nodiscard]] static std::uint8_t read_vector(std::string_view text, std::string_view event);
};

std::uint8_t EventReader::read_vector(std::string_view text, std::string_view event) {
    const auto vector = parse_number(text, GATECRASH_VECTORS - 1);
    if (!vector) fail(event, fmt::format("'{}' is not a vector, which is 0 to 255 (0xff)", text), event_syntax());
    return static_cast<std::uint8_t>(*vector);
}

std::uint64_t EventReader::read_address(std::string_view text, std::string_view event) const {
    if (const auto number = parse_number(text)) return *number;
    auto symbol = text;
    const auto offset_text = take_behind(symbol, '+');
    const auto offset = offset_text ? parse_number(*offset_text) : std::optional<std::uint64_t>(0);
    const bool is_symbol =
        !symbol.empty() && !is_digit(symbol.front()) && std::ranges::all_of(symbol, is_symbol_character);
    if (!offset || !is_symbol) {
        fail(event, fmt::format("'{}' is not an address, which is a decimal or 0x number, or SYMBOL[+OFFSET]", text),
             event_syntax());
    }
    if (!address_of) fail(event, fmt::format("the symbol '{}' cannot be looked up here", symbol), event_syntax());
    return address_of(target, std::string(symbol)) + *offset;
}

vm::Event EventReader::read(std::string_view text) const {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto value = has_value ? text.substr(equals + 1) : std::string_view();
    const auto kind = parse_kind(name);
    if (!kind) fail(text, "no such event", event_syntax());
    const auto& row = vm::row_of(*kind);
    auto event = row.usual;
    switch (row.choice) {
        case vm::Choice::nothing:
            if (!has_value) break;
            fail(text, fmt::format("{} takes no value, because its vector is always {}", name, event.vector),
                 event_syntax());
        case vm::Choice::vector:
            if (has_value) event.vector = read_vector(value, text);
            break;
        case vm::Choice::address_required:
            if (!has_value) fail(text, "the address to watch is missing", event_syntax());
            [[fallthrough]];
        case vm::Choice::address:
            if (has_value) event.address = read_address(value, text);
    }
    return event;
}

Boundary parse_boundary(std::string_view text) {
    const auto whole = text;
    if (text.empty()) fail(whole, "empty", boundary_syntax);
    if (is_digit(text.front())) {
        const auto index = parse_number(text);
        if (!index) fail(whole, "neither an index (a decimal or 0x number) nor a symbol", boundary_syntax);
        return {.symbol = {}, .index = index};
    }
    Boundary boundary;
    if (const auto hit = take_behind(text, '#')) {
        const auto number = parse_number(*hit, std::numeric_limits<unsigned>::max());
        if (!number || *number == 0) {
            fail(whole, fmt::format("'{}' is not a HIT, which is a number from 1 on", *hit), boundary_syntax);
        }
        boundary.hit = static_cast<unsigned>(*number);
    }
    if (const auto offset = take_behind(text, '+')) {
        const auto number = parse_number(*offset);
        if (!number) {
            fail(whole, fmt::format("'{}' is not an OFFSET, which is a decimal or 0x number of bytes", *offset),
                 boundary_syntax);
        }
        boundary.offset = *number;
    }
    if (text.empty()) fail(whole, "no symbol", boundary_syntax);
    if (!std::ranges::all_of(text, is_symbol_character)) {
        fail(whole, fmt::format("'{}' is not a symbol", text), boundary_syntax);
    }
    boundary.symbol = text;
    return boundary;
}

Landing parse_landing(std::string_view text, const EventReader& events) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        fail(text, text.empty() ? "empty" : "no ':' between event and boundary", schedule_syntax);
    }
    return {events.read(text.substr(0, colon)), parse_boundary(text.substr(colon + 1))};
}

}  // namespace

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> pieces;
    while (!text.empty()) {
        const auto comma = text.find(',');
        pieces.push_back(text.substr(0, comma));
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
        if (text.empty()) pieces.emplace_back();  // the text ends with a comma
    }
    return pieces;
}

std::vector<std::string> event_forms() {
    std::vector<std::string> forms;
    for (const auto* row : vm::event_kinds()) {
        if (row->choice != vm::Choice::address_required) forms.emplace_back(row->name);
        if (row->choice == vm::Choice::vector) forms.push_back(fmt::format("{}=VECTOR", row->name));
        if (row->choice >= vm::Choice::address) forms.push_back(fmt::format("{}=ADDRESS", row->name));
    }
    return forms;
}

Schedule parse_schedule(std::string_view text, const AddressOf& address_of) {
    // Takes the last '@': a path may contain one, but nothing after the target can.
    const auto at = text.rfind('@');
    Schedule schedule{std::string(text.substr(0, at)), {}};
    if (schedule.target.empty()) fail(text, "no target", schedule_syntax);
    if (at == std::string_view::npos) return schedule;
    const EventReader events{schedule.target, address_of};
    for (const auto piece : split_list(text.substr(at + 1))) schedule.landings.push_back(parse_landing(piece, events));
    return schedule;
}

std::vector<vm::Event> parse_events(std::string_view text, const std::string& target, const AddressOf& address_of) {
    const EventReader reader{target, address_of};
    std::vector<vm::Event> events;
    for (const auto piece : split_list(text)) {
        const auto event = reader.read(piece);
        if (std::ranges::find(events, event) != events.end())
            fail(text, fmt::format("{} twice", piece), event_syntax());
        events.push_back(event);
    }
    if (events.empty()) fail(text, "no event", event_syntax());
    return events;
}

std::vector<SymbolRange> parse_ranges(std::string_view text) {
    constexpr std::string_view syntax =
        "a window is [EVENT:]FROM..TO with two symbols, or [EVENT:]SYMBOL for one instruction, for events of that kind "
        "or "
        "of every kind; commas separate several";
    std::vector<SymbolRange> ranges;
    for (const auto piece : split_list(text)) {
        SymbolRange range;
        const auto colon = piece.find(':');
        if (colon != std::string_view::npos) {
            range.of = parse_kind(piece.substr(0, colon));
            if (!range.of) fail(piece, fmt::format("'{}' is not a kind of event", piece.substr(0, colon)), syntax);
        }
        const auto symbols = colon == std::string_view::npos ? piece : piece.substr(colon + 1);
        const auto dots = symbols.find("..");
        const bool is_range = dots != std::string_view::npos;
        const bool is_symbol = !symbols.empty() && std::ranges::all_of(symbols, is_symbol_character);
        if (is_range ? dots == 0 || dots + 2 == symbols.size() : !is_symbol)
            fail(piece, "neither FROM..TO nor SYMBOL", syntax);
        range.from = symbols.substr(0, dots);
        if (is_range) range.to = symbols.substr(dots + 2);
        ranges.push_back(std::move(range));
    }
    if (ranges.empty()) fail(text, "empty", syntax);
    return ranges;
}

std::string to_string(const SymbolRange& range) {
    return fmt::format("{}{}{}{}", range.of ? to_string(*range.of) + ":" : "", range.from, range.to.empty() ? "" : "..",
                       range.to);
}

std::string to_string(vm::Event::Kind kind) { return std::string(vm::row_of(kind).name); }

std::optional<vm::Event::Kind> parse_kind(std::string_view name) {
    const auto rows = vm::event_kinds();
    const auto row = std::ranges::find(rows, name, &vm::EventKind::name);
    return row == rows.end() ? std::nullopt : std::optional((*row)->kind);
}

std::string to_string(vm::Event event) {
    const auto& row = vm::row_of(event);
    if (event.address) return fmt::format("{}={:#x}", row.name, *event.address);
    return event == row.usual ? std::string(row.name) : fmt::format("{}={:#x}", row.name, event.vector);
}

std::string to_string(const Boundary& boundary) {
    if (boundary.index) return fmt::format("{}", *boundary.index);
    auto text = boundary.symbol;
    if (boundary.offset != 0) text += fmt::format("+{:#x}", boundary.offset);
    if (boundary.hit != 1) text += fmt::format("#{}", boundary.hit);
    return text;
}

std::string to_string(const Schedule& schedule) {
    auto text = schedule.target;
    // Without events, the '@' is needed only if the path itself contains one.
    if (!schedule.landings.empty() || text.find('@') != std::string::npos) text += '@';
    for (const auto& landing : schedule.landings) {
        if (&landing != &schedule.landings.front()) text += ',';
        text += to_string(landing.event) + ":" + to_string(landing.boundary);
    }
    return text;
}

}  // namespace gatecrash::sweep
