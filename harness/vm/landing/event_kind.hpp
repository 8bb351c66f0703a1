// Describes the kinds of events: each has one row and one file. Code that treats kinds differently asks their rows.
#pragma once

#include <linux/kvm.h>

#include <optional>
#include <span>
#include <string_view>

#include "gatecrash/event.hpp"
#include "vm/behaviour.hpp"
#include "vm/memory.hpp"
#include "vm/state/msrs.hpp"
#include "vm/vectors.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::vm {

class Guest;

/// Says what `=VALUE` after an event's name chooses.
enum class Choice : std::uint8_t { nothing, vector, address, address_required };

/// The ways in which an event gets to its handler.
enum class Delivery : std::uint8_t {
    waits,    ///< the CPU keeps it until it can be delivered: an interrupt
    at_once,  ///< it belongs to its instruction: an exception
    arms,     ///< nothing is delivered; the CPU raises exceptions by itself from then on
};

/// A guest's state at a boundary: as it is now, or as it is in a snapshot.
struct AtBoundary {
    const kvm_regs& regs;
    const kvm_sregs& sregs;
    const kvm_vcpu_events& events;
    const Msrs& msrs;
    std::uint64_t dr7;
    const PageSet* pages;  ///< null means the memory as it is now
};

/// Says that only CPUs of one vendor have an event.
struct OnlyOn {
    Vendor vendor;
    std::string_view why, remedy;  ///< parts of the message on other CPUs
};

struct EventKind {
    Event::Kind kind;
    std::string_view name;
    Event usual;  ///< the event that a name without a value means
    Choice choice;
    Delivery delivery;
    /// True if the CPU, in this state, delivers the event before it executes the next instruction.
    bool (*is_deliverable)(const Event& event, const kvm_regs& regs, const kvm_vcpu_events& events);
    /// True if hardware can have the event arrive there. For an exception, it is called only if the exception is
    /// deliverable.
    bool (*can_land)(const Guest& guest, const Event& event, const AtBoundary& at);
    void (*land)(Guest& guest, const Event& event);
    /// Says why an event of this kind could not land. It follows "no CPU can have it arrive there: ".
    std::string_view why_not;
    /// A machine without this behaviour does not land the event as hardware does.
    std::optional<Behaviour> relies_on = std::nullopt;
    /// The CPUs that have this event, if not all do.
    std::optional<OnlyOn> only_on = std::nullopt;
};

/// Returns every row, in the order of Event::Kind.
[[nodiscard]] std::span<const EventKind* const, Event::kinds> event_kinds();
[[nodiscard]] inline const EventKind& row_of(Event::Kind kind) {
    return *event_kinds()[static_cast<std::size_t>(kind)];
}
[[nodiscard]] inline const EventKind& row_of(const Event& event) { return row_of(event.kind); }

[[nodiscard]] inline bool is_interrupt(const Event& event) { return row_of(event).delivery == Delivery::waits; }
[[nodiscard]] inline bool arms_watchpoint(const Event& event) { return row_of(event).delivery == Delivery::arms; }

/// True if the CPU pushes an error code when it delivers `event`.
[[nodiscard]] inline bool pushes_error_code(const Event& event) {
    return !is_interrupt(event) && pushes_error_code(event.vector);
}

/// True if `event`, landing on a guest in this state, is delivered before the next instruction.
[[nodiscard]] inline bool can_deliver(const kvm_regs& regs, const kvm_vcpu_events& events, const Event& event) {
    return row_of(event).is_deliverable(event, regs, events);
}

/// Returns why `event` could not land, for a message.
[[nodiscard]] std::string_view why_not(const Event& event);

// --- for the rows ----------------------------------------------------------------------------------------------------

/// True if no other exception is about to be delivered. Rows of exceptions use it.
[[nodiscard]] bool no_exception_is_due(const Event& event, const kvm_regs& regs, const kvm_vcpu_events& events);
/// Returns true: hardware can raise the event on every instruction.
[[nodiscard]] bool can_land_anywhere(const Guest& guest, const Event& event, const AtBoundary& at);
/// Says why most exceptions cannot land.
inline constexpr std::string_view exception_is_due = "RF is set, or another exception is still pending";

extern const EventKind nmi_kind, irq_kind, db_kind, watch_kind, mc_kind, pf_kind, ve_kind, hv_kind, vc_kind;

}  // namespace gatecrash::vm
