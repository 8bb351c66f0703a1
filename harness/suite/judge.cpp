#include "suite/judge.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace gatecrash::suite {
namespace {

bool lands_on(const ExpectedLanding& expected, const sweep::Landing& landing) {
    const auto& symbols = expected.symbols;
    return expected.event == landing.event.kind &&
           (symbols.empty() || std::find(symbols.begin(), symbols.end(), landing.boundary.symbol) != symbols.end());
}

bool matches(const Place& place, const sweep::Finding& finding) {
    const auto& landings = finding.schedule.landings;
    return std::equal(place.begin(), place.end(), landings.begin(), landings.end(), lands_on);
}

std::string describe(const std::vector<Place>& places) {
    std::string text;
    for (const auto& place : places) text += (text.empty() ? "" : ", or by ") + to_string(place);
    return text;
}

/// Returns a symbol of the place's last event on which nothing was found; empty if every symbol has a finding.
std::string missing(const Place& place, const std::vector<sweep::Finding>& findings) {
    if (place.empty()) {  // without events there is one schedule, and it breaks
        return std::ranges::any_of(findings, [&](const sweep::Finding& f) { return matches(place, f); })
                   ? ""
                   : "the workload";
    }
    for (const auto& symbol : place.back().symbols) {
        const bool found = std::any_of(findings.begin(), findings.end(), [&](const sweep::Finding& finding) {
            return matches(place, finding) && finding.schedule.landings.back().boundary.symbol == symbol;
        });
        if (!found) return symbol;
    }
    return "";
}

/// Says how the result differs from the expectation; empty if it does not.
std::string difference(const Expectation& expects, const sweep::SweepResult& sweep) {
    if (expects.holds()) {
        if (sweep.findings.empty()) return "";
        const auto& first = sweep.findings.front();
        return fmt::format("expected to hold, but {} breaks {}", to_string(first.schedule),
                           describe(first.violation.invariant));
    }
    // Another shard may have the expected finding, and a finding here may be longer than that.
    if (!sweep.shard.is_whole()) return "";
    if (sweep.findings.empty()) {
        return fmt::format("expected to break {}, but holds for {} events", describe(expects.invariant), sweep.depth);
    }
    for (const auto& finding : sweep.findings) {
        const auto schedule = to_string(finding.schedule);
        if (finding.violation.invariant != expects.invariant) {
            return fmt::format("expected to break {}, but {} breaks {}", describe(expects.invariant), schedule,
                               describe(finding.violation.invariant));
        }
        const bool expected = std::any_of(expects.places.begin(), expects.places.end(),
                                          [&](const Place& place) { return matches(place, finding); });
        if (!expected) {
            return fmt::format("expected to break only by {}, but {} breaks it too", describe(expects.places),
                               schedule);
        }
    }
    return "";
}

/// Says which expected place did not break; empty if all did.
std::string missing(const Expectation& expects, const sweep::SweepResult& sweep) {
    if (expects.holds() || !sweep.shard.is_whole()) return "";
    for (const auto& place : expects.places) {
        const auto symbol = missing(place, sweep.findings);
        if (symbol.empty()) continue;
        return sweep.stopped_after
                   ? fmt::format("not judged: {} may break on {} too", to_string(place), symbol)
                   : fmt::format("expected to break by {}, but nothing breaks on {}", to_string(place), symbol);
    }
    return "";
}

}  // namespace

std::string to_string(const Place& place) {
    if (place.empty()) return "no event at all";
    std::vector<std::string> landings;
    for (const auto& landing : place) {
        const auto where = landing.symbols.empty() ? "any code" : fmt::format("{}", fmt::join(landing.symbols, " or "));
        landings.push_back(fmt::format("{} on {}", sweep::to_string(landing.event), where));
    }
    return fmt::format("{}", fmt::join(landings, ", then "));
}

Judgement judge(const Expectation& expects, const sweep::SweepResult& sweep) {
    if (auto why = difference(expects, sweep); !why.empty()) return {Status::unexpected, std::move(why)};
    auto open = missing(expects, sweep);
    return {open.empty() || sweep.stopped_after ? Status::ok : Status::unexpected, std::move(open)};
}

}  // namespace gatecrash::suite
