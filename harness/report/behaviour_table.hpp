// Shows machines side by side: for each behaviour, what the manuals say and what each machine does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/bench_document.hpp"
#include "report/expected_cost.hpp"
#include "report/host_facts.hpp"
#include "report/machine_description.hpp"

namespace gatecrash::report {

/// A behaviour, with the answers that the manuals allow.
struct BehaviourRow {
    vm::Behaviour behaviour;
    std::string intel, amd;  ///< if a manual leaves it open: what it allows, separated by " | "
    std::string source;      ///< the manuals' sections
    std::vector<std::string> some_intel{}, some_amd{};  ///< further answers, which only some CPUs of a vendor give

    bool operator==(const BehaviourRow&) const = default;
};

/// A machine that `doctor` was asked about, with its answers or the reason why there are none.
struct ExaminedMachine {
    MachineDescription description;  ///< includes `answers`; for a missing machine, only the name
    bool fit = false;
    std::string missing, remedy;      ///< why there are no answers, and what the user can do about it
    std::optional<HostFacts> host{};  ///< only of the machine that this program runs on

    bool operator==(const ExaminedMachine&) const = default;
};

/// Returns a line for each behaviour: its name, a word for each machine, and what the manuals say. Then each answer
/// that is not "ok" follows on a line of its own. The words are:
/// - "ok": the machine's answer is what its vendor's manual says;
/// - "other": it is one that only some of the vendor's CPUs give;
/// - "differs": it is neither;
/// - "-": it was not measured.
[[nodiscard]] std::string behaviour_table(std::span<const BehaviourRow> rows,
                                          std::span<const ExaminedMachine> machines);

/// Returns the document of `doctor`. `taken` is the machine that `auto` takes, or that the user asked for.
[[nodiscard]] std::string doctor_report(const std::string& version, const MachineDescription& taken,
                                        std::span<const ExaminedMachine> machines, std::span<const BehaviourRow> rows);

/// Returns the document of `doctor --report`, which adds figures of the harness to the document of `doctor`. `bench` is
/// the document of `bench harness`; empty if it could not be measured, because of `missing`. `expected` is empty for an
/// emulated machine.
[[nodiscard]] std::string host_report(const std::string& doctor, const std::optional<BenchDocument>& bench,
                                      const std::string& missing, const std::optional<ExpectedCost>& expected);

/// Reads the `machine` of a document of `doctor`. Throws std::runtime_error.
[[nodiscard]] MachineDescription machine_of_doctor_report(const std::string& document);

}  // namespace gatecrash::report
