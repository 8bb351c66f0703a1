// What a case says about itself. No code: the guests are assembly, and how to sweep is the explorer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/event.hpp"
#include "sweep/check/invariant.hpp"
#include "sweep/schedule.hpp"
#include "vm/behaviour.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::suite {

/// One event of an expected finding, and the symbols on whose code it lands (any offset). No symbols: anywhere.
struct ExpectedLanding {
    vm::Event::Kind event{};
    std::vector<std::string> symbols;
};
/// The landings of an expected finding, in order. None: it breaks without any event.
using Place = std::vector<ExpectedLanding>;
/// "irq on nmi_iret, then nmi on any code".
[[nodiscard]] std::string to_string(const Place& place);

/// What a variant's sweep is to show.
struct Expectation {
    /// Empty: the variant holds for every schedule.
    std::vector<Place> places;
    /// If it breaks: what every finding is to be.
    sweep::Invariant invariant{};

    [[nodiscard]] bool holds() const { return places.empty(); }
};

/// Holds for every schedule to the variant's depth.
[[nodiscard]] inline Expectation holds() { return {}; }
/// Breaks `invariant` in each of the places, on each symbol that a place names for its last event, and nowhere else.
[[nodiscard]] inline Expectation breaks(sweep::Invariant invariant, std::vector<Place> places) {
    return {std::move(places), invariant};
}
/// Breaks `invariant` in the run without events.
[[nodiscard]] inline Expectation breaks_without_event(sweep::Invariant invariant) {
    return breaks(invariant, {Place{}});
}

/// A byte of a guest's, for a variant to watch.
struct WatchedByte {
    std::string symbol;
    std::uint64_t offset = 0;

    bool operator==(const WatchedByte&) const = default;
};

/// One design that answers a case's question.
struct Variant {
    std::string name;
    std::string summary;              ///< what the design is, one line
    std::string origin;               ///< who proposed or reported it
    std::vector<std::string> covers;  ///< rows of the catalogue
    std::vector<vm::Event> events;
    unsigned depth = 1;  ///< events a schedule
    Expectation expects;
    std::string because;  ///< why it holds or breaks, one line

    /// What is expected instead where CPUs of one vendor do something else.
    struct Otherwise {
        vm::Vendor vendor;
        Expectation expects;
        std::string because;
    };
    std::optional<Otherwise> otherwise{};
    /// Behaviours (docs/reference/behaviours.md) without which a sweep says nothing about the design: it is skipped.
    std::vector<vm::Behaviour> needs{};
    /// Bytes that may be watched: a `watch` of each is among the events.
    std::vector<WatchedByte> watched{};
    /// Unless empty, events land only on boundaries in one of these: what the variant is about, where more would be
    /// swept by others.
    std::vector<sweep::SymbolRange> window{};
    /// Its guest constructs what these machines, or a guest alone, do not have; the page says what.
    bool modelled = false;

    [[nodiscard]] const Expectation& expected_on(vm::Vendor vendor) const {
        return differs_on(vendor) ? otherwise->expects : expects;
    }
    [[nodiscard]] const std::string& because_on(vm::Vendor vendor) const {
        return differs_on(vendor) ? otherwise->because : because;
    }
    /// Whether something else is expected there.
    [[nodiscard]] bool differs_on(vm::Vendor vendor) const { return otherwise && otherwise->vendor == vendor; }
};

struct Case {
    std::string name;
    std::string asks;
    std::vector<Variant> variants;
    /// The ELF file that all of its variants sweep, for a case that is no part of this program; else empty.
    std::string file{};
};

}  // namespace gatecrash::suite
