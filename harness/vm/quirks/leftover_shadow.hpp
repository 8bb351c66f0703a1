#pragma once

#include "kvm/vcpu.hpp"

namespace gatecrash::vm::quirks {

/// Ends the interrupt shadow after an instruction has executed that opens none.
///
/// Works around QEMU (TCG) below KVM for AMD. An OUT that is the first instruction after VMRUN exits with the shadow of
/// the STI before it. It is the first only if the host got an interrupt right there: about once in a thousand doorbells
/// on a busy host. KVM itself ends a shadow when it finishes an OUT, so ending it is right on every machine. Applies to
/// a shadow after a doorbell. Cannot go while UnfinishedOut sets RIP.
void end_shadow(kvm::Vcpu& cpu);

}  // namespace gatecrash::vm::quirks
