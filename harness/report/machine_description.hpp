#pragma once

#include <map>
#include <string>

#include "vm/behaviour.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::report {

/// Something of each behaviour that was measured, in the order of their names.
template <typename T>
using Measured = std::map<vm::Behaviour, T, vm::ByName>;

/// Where results come from: the `machine` of the JSON document.
struct MachineDescription {
    std::string name;    ///< as in the table of machines
    std::string kvm;     ///< the module behind /dev/kvm, for instance "kvm_amd", or "unknown"
    std::string cpu;     ///< the model name of /proc/cpuinfo
    std::string kernel;  ///< as `uname -r` prints it
    bool emulated = false;
    vm::Vendor vendor{};                 ///< of the CPU
    Measured<bool> behaviours;           ///< whether each measured one is as on silicon
    Measured<std::string> answers = {};  ///< what was measured; of `doctor` only

    bool operator==(const MachineDescription&) const = default;
};

}  // namespace gatecrash::report
