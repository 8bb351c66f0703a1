#include "suite/expectation_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace gatecrash::suite {
namespace {

constexpr const char* syntax =
    "a line is 'EVENTS depth K holds' or 'EVENTS depth K breaks INVARIANT at PLACE...', for instance "
    "'nmi,irq depth 2 breaks I2 at nmi:entry_syscall|entry_irq'";

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> pieces;
    std::istringstream stream(text + separator);
    for (std::string piece; std::getline(stream, piece, separator);) pieces.push_back(piece);
    return pieces;
}

class LineReader {
  public:
    /// `where` names the line in messages.
    LineReader(const std::string& line, std::string where) : words_(line), where_(std::move(where)) {}

    [[nodiscard]] Variant read(const std::string& guest, const sweep::AddressOf& address_of) {
        Variant variant;
        const auto events = word("the events");
        try {
            variant.events = sweep::parse_events(events, guest, address_of);
        } catch (const sweep::ScheduleError& error) {
            throw ExpectationError(where_ + ": " + error.what());
        }
        if (const auto depth = word("'depth'"); depth != "depth")
            fail(fmt::format("expected 'depth', not '{}'", depth));
        variant.depth = read_depth(word("the depth"));
        variant.name = fmt::format("{} depth {}", events, variant.depth);
        auto next = word("'holds' or 'breaks'");
        if (next == "window") {
            const auto ranges = word("the window");
            variant.name += " window " + ranges;
            variant.window = read_ranges(ranges);
            next = word("'holds' or 'breaks'");
        }
        variant.expects = read_expectation(next);
        if (std::string more; words_ >> more) fail(fmt::format("unexpected '{}' after the expectation", more));
        return variant;
    }

  private:
    [[noreturn]] void fail(const std::string& why) const {
        throw ExpectationError(fmt::format("{}: {}: {}", where_, why, syntax));
    }

    std::string word(const char* what) {
        std::string text;
        if (!(words_ >> text)) fail(fmt::format("the line ends before {}", what));
        return text;
    }

    [[nodiscard]] unsigned read_depth(const std::string& text) const {
        unsigned depth = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
        if (error != std::errc{} || end != text.data() + text.size()) fail(fmt::format("'{}' is not a depth", text));
        return depth;
    }

    [[nodiscard]] std::vector<sweep::SymbolRange> read_ranges(const std::string& text) const {
        try {
            return sweep::parse_ranges(text);
        } catch (const sweep::ScheduleError& error) {
            throw ExpectationError(where_ + ": " + error.what());
        }
    }

    Expectation read_expectation(const std::string& verdict) {
        if (verdict == "holds") return holds();
        if (verdict != "breaks") fail(fmt::format("expected 'holds' or 'breaks', not '{}'", verdict));
        const auto name = word("the invariant");
        const auto invariant = sweep::parse_invariant(name);
        if (!invariant) fail(fmt::format("'{}' is not an invariant, which is I1 to I18", name));
        if (const auto at = word("'at'"); at != "at") fail(fmt::format("expected 'at', not '{}'", at));
        auto place = word("the place");
        if (place == "nothing") return breaks_without_event(*invariant);
        std::vector<Place> places;
        do places.push_back(read_place(place));
        while (words_ >> place);
        return breaks(*invariant, std::move(places));
    }

    [[nodiscard]] Place read_place(const std::string& text) const {
        Place place;
        for (const auto& landing : split(text, ',')) {
            const auto colon = landing.find(':');
            const auto kind = sweep::parse_kind(landing.substr(0, colon));
            if (!kind || colon == std::string::npos) fail(fmt::format("'{}' is not EVENT:SYMBOL", landing));
            auto symbols = split(landing.substr(colon + 1), '|');
            if (std::ranges::find(symbols, "") != symbols.end()) fail(fmt::format("'{}' has an empty symbol", landing));
            if (symbols == std::vector<std::string>{"*"}) symbols.clear();
            place.push_back({*kind, std::move(symbols)});
        }
        return place;
    }

    std::istringstream words_;
    std::string where_;
};

}  // namespace

std::string expectation_file_of(const std::string& guest) { return guest + ".expect"; }

Case parse_expectations(std::string_view text, const std::string& guest, const sweep::AddressOf& address_of) {
    Case expected{.name = guest, .asks = "", .variants = {}};
    const auto file = expectation_file_of(guest);
    std::istringstream lines{std::string(text)};
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line.resize(std::min(line.find('#'), line.size()));
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        auto variant = LineReader(line, fmt::format("{}, line {}", file, number)).read(guest, address_of);
        if (std::ranges::find(expected.variants, variant.name, &Variant::name) != expected.variants.end()) {
            throw ExpectationError(fmt::format("{}, line {}: '{}' is there twice", file, number, variant.name));
        }
        expected.variants.push_back(std::move(variant));
    }
    if (expected.variants.empty()) throw ExpectationError(fmt::format("{}: it has no expectations: {}", file, syntax));
    if (expected.variants.size() == 1) expected.variants.front().name.clear();
    return expected;
}

}  // namespace gatecrash::suite
