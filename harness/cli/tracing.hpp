// Directs the traces that `replay` and `explain` make.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_groups.hpp"
#include "cli/options.hpp"
#include "cli/values.hpp"
#include "sweep/trace/lines.hpp"
#include "sweep/trace/story.hpp"

namespace gatecrash::cli {

/// The options of traces.
struct TraceOptions {
    bool is_wanted = false;
    std::optional<std::string> file{};  ///< empty: standard output
    /// Items of each part of TraceLines; 0: no limit. Empty: limit_for().
    std::optional<std::size_t> limit{};
    vm::Syntax syntax = vm::Syntax::intel;
    bool has_story = false;  ///< tell it in sentences instead

    [[nodiscard]] bool is_printed() const { return is_wanted && !file; }
};

/// Returns the limit of a trace for a terminal, and for anything else.
[[nodiscard]] std::size_t limit_for(bool is_terminal);
/// Limits the trace in the command line `words`.
void add_limit(Words& words, std::size_t limit);

void add_trace(OptionList& options);
/// Reads these options. A page shows traces, too, and `has_page` says that there is one.
[[nodiscard]] TraceOptions read_trace(const Values& values, bool has_page);

/// The trace of each replay. It may be printed, written to the document --trace, and kept for a page.
class Tracing {
  public:
    using Print = std::function<void(const std::string& lines)>;

    /// `print` receives lines without the last newline. Each instruction has a line for SourceTrace before it.
    Tracing(const TraceOptions& options, bool is_kept, bool is_terminal, Print print);
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
    /// Prints the end of a trace whose run failed.
    ~Tracing();

    /// Returns what receives the trace; nothing if nobody needs it. It must not outlive this.
    [[nodiscard]] sweep::TraceSink sink();
    /// Returns the sentences of the latest trace, with TraceOptions::has_story.
    [[nodiscard]] std::vector<std::string> story() const { return story_.sentences(); }
    /// Ends the trace of one schedule. Returns the lines for a page.
    [[nodiscard]] std::vector<std::string> take();

  private:
    void add(const sweep::TraceItem& item);

    TraceOptions options_;
    bool is_kept_;
    sweep::TraceLines limited_;
    sweep::KeptTrace kept_{sweep::KeptTrace::most_of_replay};
    sweep::Story story_;
};

}  // namespace gatecrash::cli
