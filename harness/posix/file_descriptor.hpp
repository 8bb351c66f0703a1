#pragma once

#include <unistd.h>

#include <utility>

namespace gatecrash::posix {

/// Owns one file descriptor: closes it at the end of its scope, can be moved, and cannot be copied.
class FileDescriptor {
  public:
    FileDescriptor() = default;
    /// Takes over `fd`. A negative number means none, such as the result of a failed call.
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    /// Returns the number, negative if there is none. This object still owns the descriptor.
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    /// Closes the descriptor and takes over `fd` instead.
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

  private:
    int fd_ = -1;
};

}  // namespace gatecrash::posix
