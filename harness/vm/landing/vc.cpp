#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::vm {
namespace {

/// #VC's error code for a page whose VALIDATED bit is clear (APM volume 2, 15.36.10).
constexpr std::uint32_t page_not_validated = 0x404;

void land_vc(Guest& guest, const Event& event) { guest.raise_fault(event.vector, page_not_validated); }

}  // namespace

const EventKind vc_kind{
    Event::Kind::vc,
    "vc",
    Event::vc(),
    Choice::nothing,
    Delivery::at_once,
    no_exception_is_due,
    can_land_anywhere,
    land_vc,
    exception_is_due,
    Behaviour::vc_injection,
    OnlyOn{Vendor::amd, "only AMD's CPUs raise #VC", "use an AMD host: QEMU's machine does not push the error code"}};

}  // namespace gatecrash::vm
