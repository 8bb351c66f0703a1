#include "posix/pipe.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>

#include "posix/error.hpp"

namespace gatecrash::posix {

Pipe make_pipe(int flags) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), flags | O_CLOEXEC) != 0) throw_errno("pipe2");
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::pair<FileDescriptor, FileDescriptor> make_socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_errno("socketpair");
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace gatecrash::posix
