// Memory that this program shares with a machine, for files on their way in. An emulated serial port moves some 20 MB a
// second, and reading memory is a hundred times as fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "machines/protocol.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// The end of a window outside of the machine.
class FileWindow {
  public:
    /// Makes an empty window of `size` bytes, of which only those in use take memory. Throws std::system_error.
    explicit FileWindow(std::size_t size);
    FileWindow(const FileWindow&) = delete;
    FileWindow& operator=(const FileWindow&) = delete;
    FileWindow(FileWindow&&) = delete;
    FileWindow& operator=(FileWindow&&) = delete;
    ~FileWindow() = default;

    [[nodiscard]] int fd() const { return file_.get(); }
    /// Writes the parts of `content` that are not zero, and returns where they are. Returns nothing if they do not fit.
    /// Throws std::system_error.
    [[nodiscard]] std::optional<std::vector<FilePiece>> put(std::string_view content);
    /// Forgets all files and gives their memory back.
    void clear();

  private:
    posix::FileDescriptor file_;
    std::uint64_t size_;
    std::uint64_t used_ = 0;
};

}  // namespace gatecrash::machines
