// Describes a case. A case has no code: its guests are assembly, and the sweep decides how to sweep them.
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

/// One event of an expected finding, and the symbols whose code it lands on, at any offset. Without symbols, it may
/// land anywhere.
struct ExpectedLanding {
    vm::Event::Kind event{};
    std::vector<std::string> symbols;
};
/// The landings of an expected finding, in order. If there are none, the case breaks without any event.
using Place = std::vector<ExpectedLanding>;
/// Returns a text such as "irq on nmi_iret, then nmi on any code".
[[nodiscard]] std::string to_string(const Place& place);

/// The result that the sweep of a variant must have.
struct Expectation {
    /// Empty if the variant holds for every schedule.
    std::vector<Place> places;
    /// The rule that every finding must break, if there are places.
    sweep::Invariant invariant{};

    [[nodiscard]] bool holds() const { return places.empty(); }
};

/// Expects that every schedule holds, up to the variant's depth.
[[nodiscard]] inline Expectation holds() { return {}; }
/// Expects that `invariant` breaks in each of the places, on each symbol that a place names for its last event, and
/// nowhere else.
[[nodiscard]] inline Expectation breaks(sweep::Invariant invariant, std::vector<Place> places) {
    return {std::move(places), invariant};
}
/// Expects that `invariant` breaks in the run without events.
[[nodiscard]] inline Expectation breaks_without_event(sweep::Invariant invariant) {
    return breaks(invariant, {Place{}});
}

/// A byte of the guest that a variant watches.
struct WatchedByte {
    std::string symbol;
    std::uint64_t offset = 0;

    bool operator==(const WatchedByte&) const = default;
};

/// One design that answers a case's question.
struct Variant {
    std::string name;
    std::string summary;              ///< describes the design in one line
    std::string origin;               ///< who proposed or reported it
    std::vector<std::string> covers;  ///< rows of the catalogue
    std::vector<vm::Event> events;
    unsigned depth = 1;  ///< maximum number of events in a schedule
    Expectation expects;
    std::string because;  ///< why it holds or breaks, in one line

    /// The expectation for CPUs of one vendor that behave differently.
    struct Otherwise {
        vm::Vendor vendor;
        Expectation expects;
        std::string because;
    };
    std::optional<Otherwise> otherwise{};
    /// Behaviours (docs/reference/behaviours.md) that the design needs. On a machine that lacks one, the variant is
    /// skipped.
    std::vector<vm::Behaviour> needs{};
    /// Bytes that may be watched. The events include a `watch` of each.
    std::vector<WatchedByte> watched{};
    /// Unless it is empty, events land only in these ranges. They contain what the variant is about; other variants
    /// sweep the rest.
    std::vector<sweep::SymbolRange> window{};
    /// True if the guest imitates something that these machines, or a guest alone, do not have. The case's page says
    /// what.
    bool modelled = false;

    [[nodiscard]] const Expectation& expected_on(vm::Vendor vendor) const {
        return differs_on(vendor) ? otherwise->expects : expects;
    }
    [[nodiscard]] const std::string& because_on(vm::Vendor vendor) const {
        return differs_on(vendor) ? otherwise->because : because;
    }
    /// True if something else is expected on CPUs of `vendor`.
    [[nodiscard]] bool differs_on(vm::Vendor vendor) const { return otherwise && otherwise->vendor == vendor; }
};

struct Case {
    std::string name;
    std::string asks;
    std::vector<Variant> variants;
    /// The ELF file that all variants sweep, for a case that is not built into this program; else empty.
    std::string file{};
};

}  // namespace gatecrash::suite
