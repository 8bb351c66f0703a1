#pragma once

#include <filesystem>
#include <vector>

#include "machines/machines.hpp"

namespace gatecrash::machines {

/// Reads machines from a JSON file. docs/how-to/add-a-machine.md describes its members. Throws MachineError, which
/// names the file and what is wrong in it.
[[nodiscard]] std::vector<Machine> read_machine_file(const std::filesystem::path& file);

/// Reads the files of further_machines(). Inside an emulated machine, returns that machine if it is not in the table.
[[nodiscard]] std::vector<Machine> read_machine_files();

}  // namespace gatecrash::machines
