#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/kernel_options.hpp"
#include "cli/options.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {

/// The options of `replay` for schedules of a Linux kernel.
struct KernelReplayOptions {
    KernelOptions kernel;
    std::vector<sweep::SymbolRange> window;
    std::optional<std::string> saved;  ///< the value of saved_kernel_option
};

void add_kernel_replay(OptionList& options);
[[nodiscard]] KernelReplayOptions read_kernel_replay(const Values& values);

/// True if the schedule is for a workload of a Linux kernel, as `linux` names them, and not for a file of that name.
[[nodiscard]] bool is_for_kernel(const std::string& schedule);
/// Refuses options that only kernels have.
void refuse_kernel_options(const Values& values);

/// Replays `schedules`, and returns the exit code. Throws sweep::ScheduleError, and what `linux` throws.
[[nodiscard]] int replay_on_kernel(const CommonOptions& common, const KernelReplayOptions& options,
                                   const Words& schedules, bool with_trace);

}  // namespace gatecrash::cli
