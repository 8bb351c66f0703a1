#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/tracing.hpp"
#include "suite/result.hpp"
#include "sweep/replay.hpp"

namespace gatecrash::cli {

/// Reports what the schedules of one `replay`, or of one `explain`, do.
class ReplayReport {
  public:
    /// All of them but `options` must outlive it. Commands that it prints have these options.
    ReplayReport(TextOutput& text, Documents& documents, Tracing& tracing, Words options)
        : text_(text), documents_(documents), tracing_(tracing), options_(std::move(options)) {}

    /// Prints the result of the schedule that `tracing` has just traced. `variant` is the design that it is for; null
    /// if that is not one of a case.
    void add(const suite::About& about, const suite::Variant* variant, const sweep::Schedule& schedule,
             const sweep::ReplayResult& replayed);
    /// Writes the documents, and returns the exit code. Throws report::OutputWriteError.
    [[nodiscard]] int finish(const report::MachineDescription& machine);

  private:
    TextOutput& text_;
    Documents& documents_;
    Tracing& tracing_;
    Words options_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();  ///< of the next schedule
    std::vector<suite::Result> results_;
    nlohmann::ordered_json stories_ = nlohmann::ordered_json::array();
};

}  // namespace gatecrash::cli
