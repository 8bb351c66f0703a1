#pragma once

#include <sys/ioctl.h>

#include <cerrno>

#include "kvm/error.hpp"

namespace gatecrash::kvm {

/// ioctl() that throws Error under the call's `name`. One that a signal interrupted has done nothing, and is called
/// again (KVM_CREATE_VM can be; KVM_RUN, which has a meaning for that, does not come here).
template <typename Argument>
int checked_ioctl(int fd, unsigned long request, Argument argument, const char* name) {
    int result = -1;
    do {
        result = ::ioctl(fd, request, argument);
    } while (result < 0 && errno == EINTR);
    if (result < 0) throw Error(name, errno);
    return result;
}

}  // namespace gatecrash::kvm

/// checked_ioctl() named after the request itself.
#define GATECRASH_IOCTL(fd, request, argument) ::gatecrash::kvm::checked_ioctl(fd, request, argument, #request)
