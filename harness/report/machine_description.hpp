#pragma once

#include <map>
#include <set>
#include <string>

#include "vm/behaviour.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::report {

/// A value for each behaviour that was measured, in the order of their names.
template <typename T>
using Measured = std::map<vm::Behaviour, T, vm::ByName>;

/// The machine that results come from. It is `machine` in the JSON document.
struct MachineDescription {
    std::string name;    ///< its name in the table of machines
    std::string kvm;     ///< the module that provides /dev/kvm, for instance "kvm_amd", or "unknown"
    std::string cpu;     ///< the model name of /proc/cpuinfo
    std::string kernel;  ///< the release, as `uname -r` prints it
    bool emulated = false;
    vm::Vendor vendor{};                               ///< the vendor of the CPU
    Measured<bool> behaviours;                         ///< true for each measured behaviour that is as on real hardware
    std::set<vm::Behaviour, vm::ByName> as_some = {};  ///< those that are not, but as on some real machines
    Measured<std::string> answers = {};                ///< what was measured; only `doctor` has it

    bool operator==(const MachineDescription&) const = default;
};

}  // namespace gatecrash::report
