// Machines that QEMU emulates: the first boot, and the state saved from it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "machines/emulator.hpp"
#include "machines/run.hpp"

namespace gatecrash::machines {

/// What the machine is made of.
struct Parts {
    const Machine* machine = nullptr;
    std::filesystem::path qemu;
    std::string version;  ///< of QEMU
    std::string kernel;   ///< a bzImage's bytes
    std::string initramfs;
};

/// Collects the parts; `libraries` are put into the initramfs. Throws MachineError naming what is missing.
Parts collect_parts(const MachineFiles& files, const std::vector<std::filesystem::path>& libraries);

/// Names the saved state of a machine made of `parts`: whatever changes the state changes the key.
std::string state_key(const Parts& parts);

/// See Machine::check.
void check_qemu(const Machine& machine);

/// See Machine::start. The machine comes from a saved state. One that is missing, or does not work, is made anew, once,
/// which takes some seconds. The files of the request are left to be sent.
std::unique_ptr<Emulator> start_qemu_machine(StartRequest& request);

}  // namespace gatecrash::machines
