#pragma once

#include <sys/ioctl.h>

#include <cerrno>

#include "gatecrash/kvm/error.hpp"

namespace gatecrash::kvm {

/// ioctl() that throws Error under the call's `name`.
template <typename Argument>
int checked_ioctl(int fd, unsigned long request, Argument argument, const char* name) {
    const int result = ::ioctl(fd, request, argument);
    if (result < 0) throw Error(name, errno);
    return result;
}

}  // namespace gatecrash::kvm

/// checked_ioctl() named after the request itself.
#define GATECRASH_IOCTL(fd, request, argument) ::gatecrash::kvm::checked_ioctl(fd, request, argument, #request)
