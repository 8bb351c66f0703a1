#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gatecrash/address.hpp"
#include "kernel/source_lines.hpp"

namespace gatecrash::cli {

/// Returns the line that a trace has before each instruction, with the address of that. It is for programs, which can
/// show the source there.
[[nodiscard]] std::string address_line(vm::Virtual address);

/// Puts source lines into the trace of a kernel. The trace has an address_line() before each instruction. Such a line
/// becomes the one of the source, or nothing if that has not changed.
class SourceTrace {
  public:
    using Print = std::function<void(const std::string&)>;

    /// `lines` may be empty. `print` receives text with all its newlines.
    SourceTrace(std::optional<kernel::SourceLines> lines, Print print)
        : lines_(std::move(lines)), print_(std::move(print)) {}

    /// Adds all lines of a text, with or without the last newline.
    void add(std::string_view text);

  private:
    void add_line(std::string_view line);

    std::optional<kernel::SourceLines> lines_;
    Print print_;
    std::string shown_;  ///< the source line that was printed last
};

}  // namespace gatecrash::cli
