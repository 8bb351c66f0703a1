// Replays schedules, for `replay` and `explain`.
#pragma once

#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "cli/replay_kernel.hpp"
#include "cli/tracing.hpp"

namespace gatecrash::cli {

struct ReplayOptions {
    CommonOptions common;
    ReportOptions reports{};  ///< only --html
    Words schedules{};
    TraceOptions trace{};
    ScheduleOf command = ScheduleOf::guest;  ///< all schedules are of this command
    KernelReplayOptions kernel{};

    /// Returns the options that another command needs for the same schedules.
    [[nodiscard]] Words for_schedules() const;
};

/// Returns the files that `replay` writes with these options.
[[nodiscard]] std::vector<Destination> destinations_of(const ReplayOptions& options);

/// Reads the schedules, and the options that they need. Throws UsageError.
[[nodiscard]] ReplayOptions read_schedules(const Values& values);

/// Replays the schedules one after another, and returns the exit code of the command `name`. Throws
/// sweep::ScheduleError, and what `linux` or `kernel` throws.
[[nodiscard]] int replay(std::string_view name, const ReplayOptions& options);

}  // namespace gatecrash::cli
