#include "report/listing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "report/text_report.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::report {
namespace {

using Json = nlohmann::ordered_json;

std::string verdict_of(const suite::Expectation& expectation) {
    return expectation.holds() ? "holds" : "breaks " + to_string(expectation.invariant);
}

std::vector<std::string> texts(const std::vector<vm::Event>& events) {
    std::vector<std::string> texts;
    texts.reserve(events.size());
    for (const auto event : events) texts.push_back(sweep::to_string(event));
    return texts;
}

std::vector<std::string> texts(const std::vector<sweep::SymbolRange>& ranges) {
    std::vector<std::string> texts;
    texts.reserve(ranges.size());
    for (const auto& range : ranges) texts.push_back(to_string(range));
    return texts;
}

std::vector<std::string> texts(const std::vector<suite::WatchedByte>& bytes) {
    std::vector<std::string> texts;
    texts.reserve(bytes.size());
    for (const auto& [symbol, offset] : bytes) {
        texts.push_back(offset == 0 ? symbol : fmt::format("{}+{:#x}", symbol, offset));
    }
    return texts;
}

std::string lines_of(const suite::Variant& variant) {
    std::string lines = fmt::format("  {}\n      {}\n", variant.name, variant.summary);
    const auto add = [&](std::string_view label, const std::string& text) {
        if (!text.empty()) lines += fmt::format("      {:<8} {}\n", label, text);
    };
    add("origin", variant.origin);
    add("expects", describe(variant.expects));
    add("because", variant.because);
    if (variant.otherwise) {
        const auto& other = *variant.otherwise;
        add("on " + vm::to_string(other.vendor), describe(other.expects));
        add("because", other.because);
    }
    add("sweeps", fmt::format("{} to depth {}", fmt::join(texts(variant.events), ", "), variant.depth));
    add("watched", fmt::format("{}", fmt::join(texts(variant.watched), ", ")));
    add("only on", fmt::format("{}", fmt::join(texts(variant.window), ", ")));
    for (const auto behaviour : variant.needs) add("needs", describe(behaviour));
    add("covers", fmt::format("{}", fmt::join(variant.covers, ", ")));
    return lines;
}

Json places_of(const suite::Expectation& expectation) {
    auto places = Json::array();
    for (const auto& place : expectation.places) places.push_back(to_string(place));
    return places;
}

Json to_json(const suite::Variant& variant) {
    Json json{{"variant", variant.name},
              {"summary", variant.summary},
              {"origin", variant.origin},
              {"covers", variant.covers},
              {"events", texts(variant.events)},
              {"depth", variant.depth},
              {"watched", texts(variant.watched)},
              {"window", texts(variant.window)},
              {"expect", verdict_of(variant.expects)},
              {"places", places_of(variant.expects)},
              {"because", variant.because},
              {"needs", vm::names_of(variant.needs)}};
    if (variant.otherwise) {
        const auto& other = *variant.otherwise;
        json["otherwise"] = {{"vendor", vm::to_string(other.vendor)},
                             {"expect", verdict_of(other.expects)},
                             {"places", places_of(other.expects)},
                             {"because", other.because}};
    }
    return json;
}

}  // namespace

std::string describe(const suite::Expectation& expectation) {
    auto text = expectation.holds() ? verdict_of(expectation) : "breaks " + sweep::describe(expectation.invariant);
    for (const auto& place : expectation.places) {
        text += &place == &expectation.places.front() ? ": " : "; ";
        text += to_string(place);
    }
    return text;
}

std::string text_listing(std::span<const Selection> selections) {
    std::string text;
    const suite::Case* current = nullptr;
    for (const auto& selection : selections) {
        if (selection.of != current) {
            text += fmt::format("{}{}: {}\n", current == nullptr ? "" : "\n", selection.of->name, selection.of->asks);
            current = selection.of;
        }
        text += "\n" + lines_of(*selection.variant);
    }
    if (!selections.empty()) {
        text += "\n`gatecrash explain TERM` explains an invariant (I4), an event (nmi), a behaviour or a row (A7).\n";
    }
    return text;
}

std::string json_listing(const std::string& version, std::span<const Selection> selections) {
    auto cases = Json::array();
    const suite::Case* current = nullptr;
    for (const auto& selection : selections) {
        if (selection.of != current) {
            current = selection.of;
            cases.push_back({{"case", current->name}, {"asks", current->asks}, {"variants", Json::array()}});
        }
        cases.back()["variants"].push_back(to_json(*selection.variant));
    }
    const Json document = {{"gatecrash", version}, {"cases", cases}};
    return document.dump(2) + "\n";
}

}  // namespace gatecrash::report
