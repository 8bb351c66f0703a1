#pragma once

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Unmasks NMIs by an IRET on the guest's CPU.
///
/// Works around Bochs 2.7 (behaviour nmi-mask-over-entry). Bochs masks NMIs when it enters a guest whose state says
/// that they are masked. It does not unmask them when it enters a guest whose state says that they are not. So whatever
/// runs next on that CPU would begin with NMIs masked. Applies to a guest that has NMIs masked. Can go when nobody uses
/// that Bochs.
void unmask_nmis(Guest& guest);

}  // namespace quirks
}  // namespace gatecrash::vm
