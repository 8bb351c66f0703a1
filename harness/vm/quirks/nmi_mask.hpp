#pragma once

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Unmasks NMIs by an IRET of the guest's CPU.
///
/// Whose: Bochs 2.7 (behaviour nmi-mask-over-entry). It masks NMIs when it enters a guest whose state says so, and does
/// not unmask them when it enters one whose state says that they are not: whatever runs next on that CPU would begin
/// with NMIs masked. Turned on by: a guest that has NMIs masked. Can go: with that Bochs.
void unmask_nmis(Guest& guest);

}  // namespace quirks
}  // namespace gatecrash::vm
