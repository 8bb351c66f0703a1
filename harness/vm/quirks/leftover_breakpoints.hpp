#pragma once

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Has an instruction of the guest's CPU disarm its breakpoints, with their types (the upper half of DR7) left as they
/// are.
///
/// Whose: QEMU (TCG) below KVM for AMD. It exchanges DR7 at VMRUN and #VMEXIT, but not the breakpoints that go with it.
/// One that a guest leaves armed stays for whatever runs next on that CPU, and QEMU 7.2 crashes when that writes DR7.
/// Turned on by: a guest that has breakpoints armed. Can go: when no emulated machine does that.
void disarm_breakpoints(Guest& guest);

}  // namespace quirks
}  // namespace gatecrash::vm
