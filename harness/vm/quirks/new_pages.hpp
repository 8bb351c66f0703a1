#pragma once

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Uses each page of a guest that has just been set up. Replaces the guest's registers.
///
/// Works around the first use of a page on Intel's CPUs. That is an EPT violation, at which the CPU can save RF as set
/// (SDM volume 3, 27.3.3). KVM then maps the page and enters the guest again. Bochs 3.0 pushes this RF in the frame of
/// an event whose delivery met a new page. Whether a page is new depends on what ran before, so frames would not be
/// the same each time. So this function reads all pages through each of the harness's roots, since their page tables
/// count, too. KVM maps a page that the host may write so that the guest may write it as well, and reports it as
/// written. Applies to Intel's CPUs.
void use_pages(Guest& guest);

}  // namespace quirks
}  // namespace gatecrash::vm
