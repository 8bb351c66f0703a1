#include "cli/gdb_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "cli/options.hpp"
#include "posix/error.hpp"

namespace gatecrash::cli {

namespace fs = std::filesystem;

PrivateFolder::PrivateFolder() {
    const char* const folder = std::getenv("TMPDIR");
    const bool is_set = folder != nullptr && *folder != '\0';
    auto name = fs::absolute(fs::path(is_set ? folder : "/tmp") / "gatecrash-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) posix::throw_errno(name.c_str());
    path_ = name;
}

PrivateFolder::~PrivateFolder() {
    std::error_code gone;
    fs::remove_all(path_, gone);
}

GdbSocket::GdbSocket(const fs::path& path) : path_(path), socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (!socket_) posix::throw_errno("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto text = path_.string();
    if (text.size() >= sizeof address.sun_path)
        throw UsageError(
            fmt::format("the socket's path is longer than {} characters: {}", sizeof address.sun_path - 1, text));
    std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    path_.clear();
    throw UsageError(fmt::format("cannot make the socket {}: {}", text,
                                 errno == EADDRINUSE ? "the file exists" : std::generic_category().message(errno)));
}

GdbSocket::~GdbSocket() { remove(); }

void GdbSocket::remove() {
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
    socket_.reset();
}

void GdbSocket::listen() {
    if (::listen(socket_.get(), 1) != 0) posix::throw_errno("listen");
}

posix::FileDescriptor GdbSocket::accept() {
    posix::FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) posix::throw_errno("accept");
    remove();
    return connection;
}

}  // namespace gatecrash::cli
