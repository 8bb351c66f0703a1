#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "failure.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::report {

/// Thrown for a path that cannot be written to. `what()` names the path and the reason.
class OutputPathError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Thrown if writing fails although the path looked right, for instance because the disk is full.
class OutputWriteError : public Failure {
  public:
    explicit OutputWriteError(const std::string& what) : Failure(what, "free some space, or name another file") {}
};

/// A file that is written in one go after long work. The constructor tries the path, so that a wrong one is reported
/// before the work. A regular file is replaced atomically: no reader sees half of it, and no failure costs the old one.
class OutputFile {
  public:
    /// Opens `path`; "-" is standard output. Throws OutputPathError.
    explicit OutputFile(const std::string& path);

    /// Writes all of the file. Throws OutputWriteError.
    void write(std::string_view content);

    [[nodiscard]] bool is_standard_output() const { return is_standard_output_; }

  private:
    void write_atomically(std::string_view content) const;

    std::string name_;              ///< the name that the user gave
    std::filesystem::path target_;  ///< the path with symbolic links resolved
    bool is_standard_output_ = false;
    posix::FileDescriptor special_;  ///< a device or pipe, which cannot be replaced
};

}  // namespace gatecrash::report
