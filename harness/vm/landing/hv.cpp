#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::vm {
namespace {

void land_hv(Guest& guest, const Event& event) { guest.inject(event.vector, std::nullopt); }

}  // namespace

const EventKind hv_kind{
    Event::Kind::hv,   "hv",    Event::hv(),     Choice::nothing, Delivery::at_once, no_exception_is_due,
    can_land_anywhere, land_hv, exception_is_due};

}  // namespace gatecrash::vm
