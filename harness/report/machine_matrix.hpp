// Compares the results of the same variants on several machines.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/listing.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// A machine, and the results of the variants there.
struct MachineResults {
    MachineDescription machine;          ///< for a machine that was not used, only its name
    std::vector<suite::Result> results;  ///< in the same order on all machines; fewer if the work was interrupted
    std::string missing, remedy;         ///< for a machine that was not used: why, and what the user can do about it
};

/// Returns a line for each variant, with its status and verdict on each machine that was used. A "*" marks a variant
/// whose results differ: status and verdict, boundaries, schedules, or the schedule of the finding. Below, each such
/// variant shows what differs, and how to replay it. It also lists behaviours that are as on real hardware on one of
/// these machines only. These are hints, since nobody measured that they are the cause. If the variant expects the
/// difference, its own reasons replace them. `selections` are the variants, in the order of the results.
[[nodiscard]] std::string machine_matrix(std::span<const MachineResults> machines,
                                         std::span<const Selection> selections);

}  // namespace gatecrash::report
