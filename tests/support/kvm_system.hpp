#pragma once

#include "kvm/system.hpp"

namespace gatecrash {

/// The /dev/kvm of the machine that the tests run in, opened once.
inline kvm::System& kvm_system() {
    static kvm::System system = kvm::System::open();
    return system;
}

}  // namespace gatecrash
