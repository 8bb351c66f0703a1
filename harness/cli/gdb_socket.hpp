#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "posix/file_descriptor.hpp"

namespace gatecrash::cli {

/// A folder that only this user can enter. It is removed with all that is in it.
class PrivateFolder {
  public:
    /// Makes it in $TMPDIR, or in /tmp if that is not set or empty. Throws std::system_error.
    PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    PrivateFolder(PrivateFolder&&) = delete;
    PrivateFolder& operator=(PrivateFolder&&) = delete;
    ~PrivateFolder();

    /// Returns an absolute path.
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// The unix socket that gdb connects to. It is removed at the end.
class GdbSocket {
  public:
    /// Makes the socket at `path`, which must not exist. Nobody can connect yet. Throws UsageError for a path that
    /// cannot be used.
    explicit GdbSocket(const std::filesystem::path& path);
    GdbSocket(const GdbSocket&) = delete;
    GdbSocket& operator=(const GdbSocket&) = delete;
    GdbSocket(GdbSocket&&) = delete;
    GdbSocket& operator=(GdbSocket&&) = delete;
    ~GdbSocket();

    /// Lets one program connect.
    void listen();
    /// Returns a descriptor that is readable when a program connects.
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// Returns the connection. Nobody else can connect any more.
    [[nodiscard]] posix::FileDescriptor accept();

  private:
    void remove();

    std::filesystem::path path_;
    posix::FileDescriptor socket_;
};

}  // namespace gatecrash::cli
