#pragma once

#include "gatecrash/kvm.hpp"
#include "kvm/error.hpp"
#include "kvm/system.hpp"

namespace gatecrash {

struct Kvm::Impl {
    kvm::System system;
};

/// Returns the error without remedies that only the program `gatecrash` offers.
[[nodiscard]] KvmError for_users(const kvm::Error& error);

}  // namespace gatecrash
