#pragma once

#include <sys/ioctl.h>

#include <cerrno>

#include "kvm/error.hpp"

namespace gatecrash::kvm {

/// Calls ioctl(), and throws Error with the call's `name` if it fails. Repeats a call that a signal interrupted, since
/// that call has done nothing. A signal can interrupt KVM_CREATE_VM. KVM_RUN does not use this function: there, EINTR
/// has a meaning.
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

/// Calls checked_ioctl() with the request's own name.
#define GATECRASH_IOCTL(fd, request, argument) ::gatecrash::kvm::checked_ioctl(fd, request, argument, #request)
