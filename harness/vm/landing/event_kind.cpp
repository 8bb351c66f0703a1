#include "vm/landing/event_kind.hpp"

#include <array>

namespace gatecrash::vm {

std::span<const EventKind* const, Event::kinds> event_kinds() {
    static constexpr std::array<const EventKind*, Event::kinds> rows{
        &nmi_kind, &irq_kind, &db_kind, &watch_kind, &mc_kind, &pf_kind, &ve_kind, &hv_kind, &vc_kind};
    return rows;
}

std::string_view why_not(const Event& event) {
    const auto& row = row_of(event);
    const bool is_of_the_address = event.address && row.delivery != Delivery::arms;
    return is_of_the_address ? "the instruction does not use that address" : row.why_not;
}

bool no_exception_is_due(const Event&, const kvm_regs&, const kvm_vcpu_events& events) {
    return events.exception.injected == 0;
}

bool can_land_anywhere(const Guest&, const Event&, const AtBoundary&) { return true; }

}  // namespace gatecrash::vm
