#pragma once

#include <utility>

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// The two ends of a pipe.
struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};

/// Makes a pipe with the flags of pipe2(2) and O_CLOEXEC. Throws std::system_error.
[[nodiscard]] Pipe make_pipe(int flags = 0);

/// Makes two connected stream sockets, with O_CLOEXEC. Throws std::system_error.
[[nodiscard]] std::pair<FileDescriptor, FileDescriptor> make_socket_pair();

}  // namespace gatecrash::posix
