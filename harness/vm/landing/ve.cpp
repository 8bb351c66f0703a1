#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::vm {
namespace {

/// False while the guest's information area is in use: then the CPU raises no #VE (SDM volume 3, 25.5.7.1).
bool can_land_ve(const Guest& guest, const Event&, const AtBoundary& at) {
    const auto& area = guest.declared().ve_information;
    if (!area) return true;
    constexpr std::uint64_t in_use_offset = 4;
    std::uint32_t in_use = 0;
    const Virtual address{number(*area) + in_use_offset};
    return !guest.read_at(at.pages, address, std::as_writable_bytes(std::span(&in_use, 1))) || in_use == 0;
}

/// Fills in the area for the fetch of the next instruction (SDM volume 3, 25.5.7.2).
void fill_in_information(Guest& guest, Virtual area) {
    struct {
        std::uint32_t exit_reason = 48, in_use = 0xffffffff;  // an EPT violation
        std::uint64_t exit_qualification = 4, linear_address = 0, physical_address = 0, eptp_index = 0;
    } information;
    const auto rip = guest.rip();
    information.linear_address = number(rip);
    information.physical_address = number(guest.memory().translate(rip).value_or(Physical{}));
    if (!guest.memory().write(area, std::as_bytes(std::span(&information, 1)))) {
        throw MachineFault("this guest's symbol ve_information is not mapped");
    }
}

void land_ve(Guest& guest, const Event& event) {
    if (const auto& area = guest.declared().ve_information) fill_in_information(guest, *area);
    guest.raise_fault(event.vector, std::nullopt);
}

}  // namespace

const EventKind ve_kind{Event::Kind::ve,     "ve",        Event::ve(), Choice::nothing, Delivery::at_once,
                        no_exception_is_due, can_land_ve, land_ve,     exception_is_due};

}  // namespace gatecrash::vm
