#pragma once

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Disarms the guest's breakpoints by an instruction on its CPU. Keeps their types (the upper half of DR7).
///
/// Works around QEMU (TCG) below KVM for AMD. QEMU exchanges DR7 at VMRUN and #VMEXIT, but not the breakpoints that go
/// with it (behaviour breakpoint-from-outside). A breakpoint that a guest leaves armed stays for whatever runs next on
/// that CPU, and QEMU 7.2 crashes when that code writes DR7. Applies to a guest that has breakpoints armed. Can go when
/// no emulated machine does that.
void disarm_breakpoints(Guest& guest);

}  // namespace quirks
}  // namespace gatecrash::vm
