#include "gatecrash/kvm.hpp"

#include <system_error>

#include "api/kvm_impl.hpp"

namespace gatecrash {

KvmError for_users(const kvm::Error& error) {
    const auto remedy = kvm::host_remedy_for(error.call(), error.error_number());
    const auto what = error.call() + " failed: " + std::generic_category().message(error.error_number());
    return {remedy.empty() ? what : what + ": " + remedy, remedy};
}

Kvm Kvm::open(const std::string& path) {
    try {
        return Kvm(std::make_shared<const Impl>(Impl{kvm::System::open(path)}));
    } catch (const kvm::Error& error) {
        throw for_users(error);
    }
}

}  // namespace gatecrash
