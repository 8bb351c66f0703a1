#include "cli/machine_name.hpp"

namespace gatecrash::cli {

std::vector<MachineName> MachineName::every() {
    std::vector names{automatic};
    for (const auto& machine : machines::all_machines()) names.emplace_back(machine);
    names.push_back(all);
    return names;
}

}  // namespace gatecrash::cli
