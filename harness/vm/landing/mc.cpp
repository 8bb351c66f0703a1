#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

/// MCG_STATUS (SDM volume 3, 15.3.1.2).
constexpr std::uint64_t mcg_status_ripv = 1, mcg_status_mcip = 4;
/// MCi_STATUS (SDM volume 3, 15.3.2.2).
constexpr std::uint64_t valid = std::uint64_t{1} << 63, overwritten = std::uint64_t{1} << 62,
                        uncorrected = std::uint64_t{1} << 61, enabled = std::uint64_t{1} << 60;

/// True if the guest has dealt with every earlier machine check. A second one before that shuts the CPU down whatever
/// the code does (15.3.1.2), so there is nothing to find.
bool can_land_mc(const Guest&, const Event&, const AtBoundary& at) {
    return (at.msrs.mcg_status & mcg_status_mcip) == 0;
}

/// Has the effect of KVM_X86_SET_MCE. It calls that ioctl only if the machine check shuts the CPU down.
void land_mc(Guest& guest, const Event& event) {
    kvm_x86_mce error{};
    error.status = valid | uncorrected | enabled;
    error.mcg_status = mcg_status_mcip | mcg_status_ripv;
    auto msrs = guest.msrs();
    if ((guest.cpu().sregs().cr4 & cr4_mce) == 0 || (msrs.mcg_status & mcg_status_mcip) != 0) {
        return guest.shut_down_by(error);
    }
    if ((msrs.mc0_status & valid) != 0) error.status |= overwritten;
    msrs.mcg_status = error.mcg_status;
    msrs.mc0_status = error.status;
    guest.set_msrs(msrs);
    guest.inject(event.vector, std::nullopt);
}

}  // namespace

const EventKind mc_kind{Event::Kind::mc,     "mc",        Event::mc(), Choice::nothing, Delivery::at_once,
                        no_exception_is_due, can_land_mc, land_mc,     exception_is_due};

}  // namespace gatecrash::vm
