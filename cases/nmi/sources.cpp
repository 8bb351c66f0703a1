// Does the work of an NMI's body, which serves the devices that ask for something. An NMI for which no device asks is
// unknown, and the body reports it. It does not report the NMI of a device that the previous run of the body has
// already served.
#include "reference.hpp"

using gatecrash::abi::Frame;

namespace {

/// Has a bit for each device that has raised an NMI and still waits for service.
uint64_t devices = 0;
/// The previous run of the body: the RIP where its NMI arrived, and whether it served more than one device.
uint64_t last_rip = 0;
bool another_is_due = false;

uint64_t serve_devices() {
    uint64_t served = 0;
    while (devices != 0) {
        devices &= devices - 1;
        ++served;
#ifdef ONE_DEVICE_AN_NMI
        break;
#endif
    }
    return served;
}

/// Returns the frame of the current NMI, from the newest record of the log: the body has just added it.
const Frame* interrupted() { return reinterpret_cast<const Frame*>(log_ring.records[log_ring.head - 1].frame); }

}  // namespace

extern "C" {

extern const char user_raised[], user_window[];

void nmi_work() {
    const auto* frame = interrupted();
    const auto served = serve_devices();
    // An NMI that was latched during the previous one arrives right after that one's IRET, so at the same RIP.
    [[maybe_unused]] const bool back_to_back = frame->rip == last_rip;
    last_rip = frame->rip;
#if defined(UNKNOWN_NEVER_EXPECTED)
    const bool expected = false;
#elif defined(UNKNOWN_EXPECTED_ANYWHERE)
    const bool expected = another_is_due;
#else
    const bool expected = another_is_due && back_to_back;
#endif
    another_is_due = served > 1;
    if (served != 0) return;
    // An NMI that is latched during the first one belongs to the second device. Any later NMI belongs to no device.
    const bool is_devices = frame->rip == reinterpret_cast<uint64_t>(user_window);
    if (!expected && is_devices) log_broken(8, GATECRASH_VECTOR_NMI, frame, 0);
    if (expected && !is_devices) log_broken(5, GATECRASH_VECTOR_NMI, frame, 0);
}

void syscall_work(Frame* frame) {
    if (frame->rip == reinterpret_cast<uint64_t>(user_raised)) {
        devices = 3;
    } else if (devices != 0) {
        log_broken(5, GATECRASH_VECTOR_SYSCALL, frame, 1);
    }
}
}
