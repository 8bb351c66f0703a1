#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "cli/output.hpp"
#include "cli/replay.hpp"
#include "cli/trace_output.hpp"
#include "cli/tracing.hpp"
#include "suite/result.hpp"
#include "sweep/replay.hpp"

namespace gatecrash::cli {

/// Reports what the schedules of one `replay`, or of one `explain`, do: as text, as documents and as traces.
class ReplayReport {
  public:
    /// Opens the documents of the command `name`. Throws UsageError for a path that cannot be written. `options` must
    /// outlive this.
    ReplayReport(std::string_view name, const ReplayOptions& options,
                 TraceOutput::Sources sources = TraceOutput::Sources::shown);

    [[nodiscard]] Documents& documents() { return documents_; }
    [[nodiscard]] TextOutput& text() { return text_; }
    [[nodiscard]] TraceOutput& trace_output() { return trace_output_; }
    /// Returns what receives the trace of the next schedule. It must not outlive this.
    [[nodiscard]] sweep::TraceSink sink() {
        start_ = std::chrono::steady_clock::now();
        return tracing_.sink();
    }

    /// Prints the result of the schedule that sink() has just traced. `variant` is the design that it is for; null
    /// if that is not one of a case.
    void add(const suite::About& about, const suite::Variant* variant, const sweep::Schedule& schedule,
             const sweep::ReplayResult& replayed);
    /// Writes the documents, and returns the exit code. Throws report::OutputWriteError.
    [[nodiscard]] int finish(const report::MachineDescription& machine);

  private:
    const ReplayOptions& options_;
    Documents documents_;
    TextOutput text_;
    TraceOutput trace_output_;
    Tracing tracing_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();  ///< of the next schedule
    std::vector<suite::Result> results_;
    nlohmann::ordered_json stories_ = nlohmann::ordered_json::array();
};

}  // namespace gatecrash::cli
