#pragma once

#include <optional>
#include <string>

namespace gatecrash::worker {

/// Reads lines from a descriptor as they arrive.
class LineReader {
  public:
    explicit LineReader(int fd) : fd_(fd) {}

    /// Waits for data, and reads what is there. False at the end. Throws std::system_error.
    bool read_some();
    /// Returns the next complete line, without its newline. Empty if there is none yet.
    [[nodiscard]] std::optional<std::string> next();
    /// Reads up to the end of a line, and returns it. Empty if the stream ended before that.
    [[nodiscard]] std::optional<std::string> wait_for_line();
    /// True if read_some() would not block.
    [[nodiscard]] bool is_ready() const;

  private:
    int fd_;
    std::string text_;
};

}  // namespace gatecrash::worker
