#pragma once

#include <sys/ioctl.h>

#include <cerrno>

#include "kvm/error.hpp"

namespace gatecrash::kvm {

template <typename Argument>
int plain_ioctl(int fd, unsigned long request, Argument argument) {
    return ::ioctl(fd, request, argument);
}

/// Calls ioctl() on a file descriptor or a Vcpu, and throws Error with the call's `name` if it fails. Repeats a call
/// that a signal interrupted, since that call has done nothing. A signal can interrupt KVM_CREATE_VM. KVM_RUN does not
/// use this function: there, EINTR has a meaning.
template <typename File, typename Argument>
int checked_ioctl(const File& file, unsigned long request, Argument argument, const char* name) {
    int result = -1;
    do {
        result = plain_ioctl(file, request, argument);
    } while (result < 0 && errno == EINTR);
    if (result < 0) throw Error(name, errno);
    return result;
}

}  // namespace gatecrash::kvm

/// Calls checked_ioctl() with the request's own name.
#define GATECRASH_IOCTL(file, request, argument) ::gatecrash::kvm::checked_ioctl(file, request, argument, #request)
