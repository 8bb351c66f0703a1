// Reads and writes whole files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// Opens `path` with the flags of open(2) and O_CLOEXEC. A new file gets `mode`. Throws std::system_error, which names
/// the path.
[[nodiscard]] FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode = 0666);

/// Opens the file of `fd` once more, for reading, with a position of its own. Throws std::system_error.
[[nodiscard]] FileDescriptor reopen(int fd);

/// Makes a file without a path. It disappears with the last process that has it open, so a killed process leaves no
/// file. `name` shows up in /proc only. The position is at the start of `content`. Throws std::system_error.
[[nodiscard]] FileDescriptor memory_file(const char* name, std::string_view content = {});

/// A part of a file, in bytes.
struct Extent {
    std::uint64_t offset, size;
};
/// Returns the parts of `fd` that may be other than zero: those that are not holes (lseek(2), SEEK_DATA). Moves the
/// position. Throws std::system_error.
[[nodiscard]] std::vector<Extent> extents_with_data(int fd);

/// Reads `fd` from its current position to its end. Throws std::system_error.
[[nodiscard]] std::string read_all(int fd);

/// Reads the whole file `path`. Throws std::system_error, which names the path.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Writes all of `bytes`, with as many calls as that takes. Throws std::system_error.
void write_all(int fd, std::string_view bytes);

/// Replaces the content of the file `path`, or creates the file. Throws std::system_error.
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace gatecrash::posix
