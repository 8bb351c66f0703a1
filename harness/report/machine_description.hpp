#pragma once

#include <map>
#include <string>

#include "vm/vendor.hpp"

namespace gatecrash::report {

/// Where results come from: the `machine` of the JSON document.
struct MachineDescription {
    std::string name;    ///< "host", "amd" or "intel"
    std::string kvm;     ///< the module behind /dev/kvm, for instance "kvm_amd", or "unknown"
    std::string cpu;     ///< the model name of /proc/cpuinfo
    std::string kernel;  ///< as `uname -r` prints it
    bool emulated = false;
    vm::Vendor vendor{};                              ///< of the CPU
    std::map<std::string, bool> behaviours;           ///< measured, by name: whether it is as on silicon
    std::map<std::string, std::string> answers = {};  ///< what was measured, by name; of `doctor` only

    bool operator==(const MachineDescription&) const = default;
};

}  // namespace gatecrash::report
