#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.hpp"
#include "cli/source_trace.hpp"
#include "cli/tracing.hpp"

namespace gatecrash::cli {

/// Returns the source lines of the first of these files that has any.
[[nodiscard]] std::optional<kernel::SourceLines> source_lines(const std::vector<std::string>& files);

/// Colours the lines of a trace for a terminal: what happens to the run stands out from the instructions. Each line
/// ends with a newline.
[[nodiscard]] std::string colored(std::string_view lines);

/// Where a trace goes: to the text for people, in colour on a terminal, or to the document --trace.
class TraceOutput {
  public:
    enum class Sources : std::uint8_t { shown, left_to_caller };

    /// `text` and `documents` must outlive it. With Sources::left_to_caller, the lines of address_line() stay: this
    /// process runs inside an emulated machine, and the one outside of it shows the source.
    TraceOutput(const TraceOptions& options, TextOutput& text, Documents& documents, Sources sources = Sources::shown);
    TraceOutput(const TraceOutput&) = delete;
    TraceOutput& operator=(const TraceOutput&) = delete;
    /// Writes what there is, if the run failed.
    ~TraceOutput();

    /// Takes source lines from these files for what follows.
    void show_source_of(const std::vector<std::string>& files);
    /// Adds lines of the trace, without the last newline.
    void add(std::string_view lines);
    [[nodiscard]] Tracing::Print print() {
        return [this](const std::string& lines) { add(lines); };
    }
    /// Writes the document. Throws report::OutputWriteError.
    void finish();

  private:
    void write(const std::string& lines);

    bool has_file_, is_colored_;
    Sources sources_;
    TextOutput& text_;
    Documents& documents_;
    SourceTrace source_trace_;
    std::string content_;  ///< of the document
};

}  // namespace gatecrash::cli
