#include "machines/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace gatecrash::machines {

void throw_errno(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

void Fd::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Fd open_file(const std::filesystem::path& path, int flags, unsigned mode) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw_errno(path.string());
    return fd;
}

std::string read_all(int fd) {
    std::string content;
    struct stat status {};
    if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        content.reserve(static_cast<std::size_t>(status.st_size) + 1);
    }
    for (std::size_t used = 0;;) {
        content.resize(std::max(content.capacity(), used + 65536));
        const ssize_t got = ::read(fd, content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read");
        used += static_cast<std::size_t>(got);
        if (got == 0) {
            content.resize(used);
            return content;
        }
    }
}

std::string read_file(const std::filesystem::path& path) {
    const Fd fd = open_file(path, O_RDONLY);
    try {
        return read_all(fd.get());
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), path.string());
    }
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw_errno("write");
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

}  // namespace gatecrash::machines
