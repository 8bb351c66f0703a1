// Text that is being patched: while its instruction changes, a site begins with INT3, and #BP's handler does what the
// instruction is to do. Guest side, freestanding.
//
// Guests cannot write their text, nor read it while they are stepped. So a site has INT3 for good, and where a patch is
// over when its #BP arrives, the workload says so.
#pragma once

#include "reference.hpp"

extern "C" {

/// A site of five bytes, and the function whose CALL it is to be; 0 if it is to do nothing.
struct PatchedSite {
    uint64_t address, target;
};
/// The workload's sites, if it has any.
extern const PatchedSite patched_sites[] __attribute__((weak));
extern const PatchedSite patched_sites_end[] __attribute__((weak));
/// The site whose patch was over when its #BP arrived: text has its instruction again.
extern const char restored_site[] __attribute__((weak));
}

/// Whether the site has its instruction again, which is then to be executed.
#ifndef is_restored
[[gnu::always_inline]] inline bool is_restored(uint64_t address) {
    return address == reinterpret_cast<uint64_t>(restored_site);
}
#endif

/// Whether the #BP was a site's; then the frame leads on from there. Nothing in here may be patched itself.
[[gnu::always_inline]] inline bool emulate_site(gatecrash::abi::Frame* frame) {
    if ((frame->cs & 3) != 0) return false;
    constexpr uint64_t int3_size = 1, site_size = 5;
    const auto address = frame->rip - int3_size;
    if (is_restored(address)) {
        frame->rip = address;
        return true;
    }
    for (const auto* site = patched_sites; site != patched_sites_end; ++site) {
        if (site->address != address) continue;
        frame->rip = address + site_size;
        if (site->target != 0) {
            // What CALL does, on the stack that was interrupted.
            frame->rsp -= sizeof(uint64_t);
            *reinterpret_cast<uint64_t*>(frame->rsp) = frame->rip;
            frame->rip = site->target;
        }
        return true;
    }
    return false;
}
