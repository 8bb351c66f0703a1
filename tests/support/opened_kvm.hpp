#pragma once

#include "gatecrash/kvm.hpp"

namespace gatecrash {

/// The /dev/kvm of the machine that the tests run in, as the public API opens it, once.
inline const Kvm& opened_kvm() {
    static const Kvm kvm = Kvm::open();
    return kvm;
}

}  // namespace gatecrash
