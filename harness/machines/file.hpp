// Owned file descriptors and the few whole-file operations the emulator code needs.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gatecrash::machines {

/// An owned file descriptor; closed when it goes out of scope.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset(int fd = -1);

  private:
    int fd_ = -1;
};

/// Opens `path` with open(2) `flags` (O_CLOEXEC is added). Throws std::system_error naming the path.
Fd open_file(const std::filesystem::path& path, int flags, unsigned mode = 0666);

/// Everything that can be read from `fd`, from its current position. Throws std::system_error.
std::string read_all(int fd);

/// The whole content of the file `path`. Throws std::system_error naming the path.
std::string read_file(const std::filesystem::path& path);

/// Writes all of `bytes`, however many calls it takes. Throws std::system_error.
void write_all(int fd, std::string_view bytes);

/// Throws std::system_error for errno, with `what` in front.
[[noreturn]] void throw_errno(const std::string& what);

}  // namespace gatecrash::machines
