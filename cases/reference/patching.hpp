// Handles text that is being patched. While its instruction changes, a site begins with INT3, and the handler of #BP
// does what the instruction should do. Guest side, freestanding.
//
// Guests cannot write their text, and cannot read it while the harness steps them. So a site always keeps its INT3. If
// a patch should be over when its #BP arrives, the workload says so.
#pragma once

#include "reference.hpp"

extern "C" {

/// A site of five bytes, and the function that it should call, or 0 if it should do nothing.
struct PatchedSite {
    uint64_t address, target;
};
/// The workload's sites, if it has any.
extern const PatchedSite patched_sites[] __attribute__((weak));
extern const PatchedSite patched_sites_end[] __attribute__((weak));
/// The site whose patch is over when its #BP arrives, so that the text has its instruction again.
extern const char restored_site[] __attribute__((weak));
}

/// Returns true if the site has its instruction again, which the CPU must then execute.
#ifndef is_restored
[[gnu::always_inline]] inline bool is_restored(uint64_t address) {
    return address == reinterpret_cast<uint64_t>(restored_site);
}
#endif

/// Returns true if the #BP belongs to a site, and then makes the frame continue after it. No code in here may itself be
/// patched.
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
            // Emulates CALL on the interrupted stack.
            frame->rsp -= sizeof(uint64_t);
            *reinterpret_cast<uint64_t*>(frame->rsp) = frame->rip;
            frame->rip = site->target;
        }
        return true;
    }
    return false;
}
