#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/source_lines.hpp"

namespace gatecrash::cli {

/// Puts source lines into the trace of a kernel. The trace has a line with the address before each instruction
/// (kernel::address_line()). Such a line becomes the one of the source, or nothing if that has not changed.
class SourceTrace {
  public:
    using Print = std::function<void(const std::string&)>;

    /// `lines` may be empty. `print` receives text with all its newlines.
    SourceTrace(std::optional<kernel::SourceLines> lines, Print print)
        : lines_(std::move(lines)), print_(std::move(print)) {}

    void add(std::string_view line);
    /// Adds all lines of a text.
    void add_text(std::string_view text);

  private:
    std::optional<kernel::SourceLines> lines_;
    Print print_;
    std::string shown_;  ///< the source line that was printed last
};

}  // namespace gatecrash::cli
