#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sweep/replay.hpp"

namespace gatecrash::cli {

/// Says, for people, how a schedule ended, and what it breaks.
[[nodiscard]] std::string replay_text(const sweep::Schedule& schedule, const sweep::ReplayResult& replayed);

/// The trace of each replay, which may be printed, kept for a page, or both.
class Tracing {
  public:
    Tracing(bool is_printed, bool is_kept, sweep::TraceSink print)
        : is_printed_(is_printed), is_kept_(is_kept), print_(std::move(print)) {}

    [[nodiscard]] bool prints() const { return is_printed_; }
    /// Returns what receives the trace; empty if nobody needs it. It must not outlive this.
    [[nodiscard]] sweep::TraceSink sink();
    /// Returns the lines that were kept since the last call.
    [[nodiscard]] std::vector<std::string> take() { return std::exchange(kept_, {}).lines(); }

  private:
    bool is_printed_, is_kept_;
    sweep::TraceSink print_;
    sweep::TraceLines kept_;
};

}  // namespace gatecrash::cli
