#pragma once

#include <cstdlib>

#include "kvm/system.hpp"
#include "support/shims.hpp"

namespace gatecrash {

/// The /dev/kvm of the machine that the tests run in, opened once. The environment variable GATECRASH_TEST_SHIM names a
/// shim to put over it.
inline kvm::System& kvm_system() {
    static kvm::System system = [] {
        auto opened = kvm::System::open();
        if (const char* name = std::getenv("GATECRASH_TEST_SHIM")) opened.put_between(find_shim(name));
        return opened;
    }();
    return system;
}

}  // namespace gatecrash
