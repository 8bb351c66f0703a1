// What an NMI's body makes of an NMI: it serves the devices that ask for something. One that nobody asked for is
// unknown, and reported; unless it is that of a device which was served by the run before it, since that took it for
// its own.
#include "reference.hpp"

using gatecrash::abi::Frame;

namespace {

/// A bit for each device that has raised an NMI and was not served.
uint64_t devices = 0;
/// Of the run before: where its NMI arrived, and whether it served more than one device.
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

/// The frame of the NMI whose body runs: the log's newest record is that of its beginning.
const Frame* interrupted() { return reinterpret_cast<const Frame*>(log_ring.records[log_ring.head - 1].frame); }

}  // namespace

extern "C" {

extern const char user_raised[], user_window[];

void nmi_work() {
    const auto* frame = interrupted();
    const auto served = serve_devices();
    // An NMI that was latched meanwhile comes right behind the IRET: where the one before it came.
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
    // What is latched while the first NMI is handled is the second device's. Whatever comes later is nobody's.
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
