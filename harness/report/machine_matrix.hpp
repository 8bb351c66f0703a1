// What several machines made of the same variants, side by side.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/listing.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// A machine, and what became of the variants there.
struct MachineResults {
    MachineDescription machine;          ///< of one that was not used only its name
    std::vector<suite::Result> results;  ///< in the order of all machines; fewer if it was interrupted
    std::string missing, remedy;         ///< if it was not used: why, and what the user can do about it
};

/// A line for each variant with its status and verdict on each machine that was used, and "*" in front if these differ,
/// or the boundaries, the schedules that were run, or the schedule of the finding. Below, of each such variant what
/// differs, how to replay it, and the behaviours that are as on silicon on one of the machines that differ, and not on
/// the other: a hint, since nobody measured that they are the cause. Where the variant expects that it differs, its own
/// reasons stand in their place. `selections` are what was run, in the order of the results.
[[nodiscard]] std::string machine_matrix(std::span<const MachineResults> machines,
                                         std::span<const Selection> selections);

}  // namespace gatecrash::report
