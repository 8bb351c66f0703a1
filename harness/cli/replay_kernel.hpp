#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/image_options.hpp"
#include "cli/kernel_options.hpp"
#include "cli/options.hpp"
#include "cli/saved_kernels.hpp"
#include "kernel/saved_kernel.hpp"
#include "sweep/schedule.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::cli {

/// The options of `replay` for schedules of kernels.
struct KernelReplayOptions {
    KernelOptions kernel{};
    std::optional<ImageOptions> image{};  ///< set for schedules of `kernel`
    std::optional<kernel::ImageWindow> image_window{};
    std::vector<sweep::SymbolRange> window{};
    std::optional<KernelPlace> place{};  ///< set inside an emulated machine
};

/// The command whose schedules have such a target.
enum class ScheduleOf : std::uint8_t { guest, linux, kernel };
/// Tells which command names targets as in the schedule. A file of that name is a guest.
[[nodiscard]] ScheduleOf schedule_of(const std::string& schedule);
void add_kernel_replay(OptionList& options);
[[nodiscard]] KernelReplayOptions read_kernel_replay(const Values& values, ScheduleOf command);

/// Returns the options of a command line that stand for these.
[[nodiscard]] Words options_of(const KernelReplayOptions& options);

/// Refuses options that schedules of this command do not have.
void refuse_other_options(const Values& values, ScheduleOf command);

/// Returns the number of the workload that `schedule` is for. Throws sweep::ScheduleError.
[[nodiscard]] unsigned workload_of(const sweep::Schedule& schedule, const std::vector<kernel::WorkloadInfo>& workloads);
/// Returns the options of a sweep that has `schedule`, with the ranges of its --window. Throws sweep::ScheduleError for
/// an event that cannot land on a kernel.
[[nodiscard]] sweep::SweepOptions sweep_options(const sweep::Schedule& schedule,
                                                const std::vector<sweep::SymbolRange>& window);

struct ReplayOptions;

/// Replays the schedules of a kernel for the command `name`, and returns the exit code. Throws sweep::ScheduleError,
/// and what `linux` or `kernel` throws.
[[nodiscard]] int replay_on_kernel(std::string_view name, const ReplayOptions& options);

}  // namespace gatecrash::cli
