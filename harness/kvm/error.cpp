#include "kvm/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace gatecrash::kvm {

std::string host_remedy_for(const std::string& call, int error_number) {
    switch (error_number) {
        case EACCES:
        case EPERM:
            return "you may not use /dev/kvm: join the kvm group (sudo usermod -aG kvm $USER, then log in again)";
        case ENOENT:
        case ENODEV:
        case ENXIO:
            return "this host offers no KVM: load kvm_intel or kvm_amd (and enable VT-x or SVM in the firmware)";
        case EBUSY:
            return "another hypervisor holds the CPU's virtualization: stop it";
        case ENOMEM:
            return "not enough memory is free";
        case EMFILE:
        case ENFILE:
            return "too many open files: raise the limit (ulimit -n)";
        case EOPNOTSUPP:
        case ENOTTY:
            return call + " is not in this kernel: use a newer kernel";
        default:
            return "";
    }
}

std::string remedy_for(const std::string& call, int error_number) {
    auto remedy = host_remedy_for(call, error_number);
    switch (error_number) {
        case EACCES:
        case EPERM:
        case ENOENT:
        case ENODEV:
        case ENXIO:
        case EBUSY:
        case EOPNOTSUPP:
        case ENOTTY:
            return remedy + ", or use --machine amd";
        default:
            return remedy;
    }
}

Error::Error(const std::string& call, int error_number) : Error(call, error_number, remedy_for(call, error_number)) {}

Error::Error(std::string call, int error_number, std::string remedy)
    : std::runtime_error(fmt::format("{} failed: {}{}{}", call, std::generic_category().message(error_number),
                                     remedy.empty() ? "" : ": ", remedy)),
      call_(std::move(call)),
      error_number_(error_number),
      remedy_(std::move(remedy)) {}

}  // namespace gatecrash::kvm
