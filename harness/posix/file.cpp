#include "posix/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "posix/error.hpp"

namespace gatecrash::posix {

FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode) {
    FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw_errno(path.string());
    return fd;
}

FileDescriptor reopen(int fd) { return open_file("/proc/self/fd/" + std::to_string(fd), O_RDONLY); }

FileDescriptor memory_file(const char* name, std::string_view content) {
    FileDescriptor fd(::memfd_create(name, MFD_CLOEXEC));
    if (!fd) throw_errno("memfd_create");
    write_all(fd.get(), content);
    ::lseek(fd.get(), 0, SEEK_SET);
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
    const FileDescriptor fd = open_file(path, O_RDONLY);
    try {
        return read_all(fd.get());
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), path.string());
    }
}

std::vector<Extent> extents_with_data(int fd) {
    std::vector<Extent> extents;
    for (off_t hole = 0;;) {
        const auto data = ::lseek(fd, hole, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return extents;  // nothing but holes up to the end
        if (data < 0) throw_errno("lseek");
        hole = ::lseek(fd, data, SEEK_HOLE);
        if (hole < 0) throw_errno("lseek");
        extents.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data)});
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

void write_file(const std::filesystem::path& path, std::string_view content) {
    const auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(fd.get(), content);
}

}  // namespace gatecrash::posix
