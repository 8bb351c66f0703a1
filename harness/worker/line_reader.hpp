#pragma once

#include <optional>
#include <string>

namespace gatecrash::worker {

/// Lines from a descriptor, as they come.
class LineReader {
  public:
    explicit LineReader(int fd) : fd_(fd) {}

    /// Reads what is there, waiting for something. False at the end. Throws std::system_error.
    bool read_some();
    /// The next whole line of what was read, without its end.
    [[nodiscard]] std::optional<std::string> next();
    /// Reads on to the end of a line. Empty if there is none any more.
    [[nodiscard]] std::optional<std::string> wait_for_line();
    /// Whether read_some() would not wait.
    [[nodiscard]] bool is_ready() const;

  private:
    int fd_;
    std::string text_;
};

}  // namespace gatecrash::worker
