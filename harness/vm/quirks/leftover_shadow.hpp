#pragma once

#include "kvm/vcpu.hpp"

namespace gatecrash::vm::quirks {

/// Ends the interrupt shadow after an instruction has executed that opens none.
///
/// Whose: QEMU (TCG) below KVM for AMD. Its VMRUN keeps the shadow of the STI before the OUT, and an OUT that is the
/// first instruction to be executed then exits with that. It is the first only if an interrupt of the host came right
/// there: at some one of a thousand doorbells on a busy host. KVM itself ends a shadow when it finishes an OUT, so this
/// is right everywhere. Turned on by: a shadow after a doorbell. Can go: never, while UnfinishedOut sets RIP.
void end_shadow(kvm::Vcpu& cpu);

}  // namespace gatecrash::vm::quirks
