// Machines side by side: what each does where the manuals say what a CPU does.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"

namespace gatecrash::report {

/// What the manuals say of one behaviour.
struct BehaviourRow {
    vm::Behaviour behaviour;
    std::string intel, amd;  ///< where a manual leaves it open, what it allows, with " | " in between
    std::string source;      ///< the sections

    bool operator==(const BehaviourRow&) const = default;
};

/// A machine that was asked for, as far as there is one.
struct ExaminedMachine {
    MachineDescription description;  ///< with `answers`; of a machine that is missing only its name
    bool fit = false;
    std::string missing, remedy;  ///< why there are no answers, and what the user can do about it

    bool operator==(const ExaminedMachine&) const = default;
};

/// A line for each behaviour: its name; for each machine "ok" if its answer is what its vendor's manual says, "differs"
/// if not, "-" if it was not measured; and what the manuals say. Answers that differ follow, a line each.
[[nodiscard]] std::string behaviour_table(std::span<const BehaviourRow> rows,
                                          std::span<const ExaminedMachine> machines);

/// The document of `doctor`: `taken` is the machine that `auto` takes or that was asked for.
[[nodiscard]] std::string doctor_report(const std::string& version, const MachineDescription& taken,
                                        std::span<const ExaminedMachine> machines, std::span<const BehaviourRow> rows);

/// The `machine` of such a document. Throws std::runtime_error.
[[nodiscard]] MachineDescription machine_of_doctor_report(const std::string& document);

}  // namespace gatecrash::report
