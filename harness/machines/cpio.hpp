// Writes the archive that a Linux kernel unpacks as its first file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace gatecrash::machines {

/// An archive in cpio's "newc" form, as described in Documentation/driver-api/early-userspace/buffer-format.rst.
/// The same calls give the same bytes: no clock, user id or inode number of this host gets in.
class CpioWriter {
  public:
    /// Adds a directory and, as needed, its parents. Adding one twice does nothing.
    void directory(const std::filesystem::path& path);
    /// Adds a regular file with the permission bits `mode`, and its parent directories. A later file of the same path
    /// wins.
    void file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);
    /// Adds a character device, such as /dev/console, which the kernel opens before anything could mount devtmpfs.
    void character_device(const std::filesystem::path& path, unsigned mode, unsigned major, unsigned minor);
    /// Closes the archive and returns it. The writer is empty afterwards.
    std::string finish();

  private:
    struct Node {
        unsigned mode = 0;
        unsigned links = 1;
        unsigned major = 0;
        unsigned minor = 0;
    };
    void entry(const std::string& name, const Node& node, std::string_view content);

    std::string archive_;
    std::set<std::string> directories_;
    std::uint32_t next_inode_ = 1;
};

}  // namespace gatecrash::machines
