#include <algorithm>

#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/page.hpp"

namespace gatecrash::vm {
namespace {

/// Returns the access by which the next instruction uses the page of `address`, with the first address that faults.
/// Empty if it does not use that page.
std::optional<MemoryAccess> fault_at(const Guest& guest, std::uint64_t address, const kvm_regs& regs,
                                     const kvm_sregs& sregs) {
    const auto page = page_of(Virtual{address});
    for (auto access : memory_accesses(guest.text_at(Virtual{regs.rip}), Virtual{regs.rip}, regs, sregs)) {
        const auto first = page_of(Virtual{access.address});
        const auto last = page_of(Virtual{access.address + std::max<std::uint64_t>(access.size, 1) - 1});
        if (page != first && page != last) continue;
        if (page != first) access.address = number(page);
        return access;
    }
    return std::nullopt;
}

/// True if the instruction uses the page. A page that it does not use raises no fault.
bool can_land_pf(const Guest& guest, const Event& event, const AtBoundary& at) {
    return !event.address || fault_at(guest, *event.address, at.regs, at.sregs).has_value();
}

void land_pf(Guest& guest, const Event& event) {
    constexpr std::uint32_t write = 2, user = 4, fetch = 16;  // the error code's bits (SDM volume 3, 4.7)
    const auto regs = guest.cpu().regs();
    auto sregs = guest.cpu().sregs();
    std::uint32_t error_code = guest.cpl() == 3 ? user : 0;
    if (event.address) {
        const auto access = fault_at(guest, *event.address, regs, sregs);
        if (access && access->is_write) error_code |= write;
        sregs.cr2 = access ? access->address : *event.address;
    } else {
        error_code |= fetch;
        sregs.cr2 = regs.rip;
    }
    guest.set_sregs(sregs);
    guest.raise_fault(event.vector, error_code);
}

}  // namespace

const EventKind pf_kind{Event::Kind::pf,     "pf",        Event::pf(), Choice::address, Delivery::at_once,
                        no_exception_is_due, can_land_pf, land_pf,     exception_is_due};

}  // namespace gatecrash::vm
