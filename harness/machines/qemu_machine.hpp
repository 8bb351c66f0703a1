// Machines that QEMU emulates: the first boot, and the state saved from it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "machines/emulator.hpp"
#include "machines/run.hpp"

namespace gatecrash::machines {

/// The parts that a machine is made of.
struct Parts {
    const Machine* machine = nullptr;
    std::filesystem::path qemu;
    std::string version;  ///< QEMU's version
    std::string kernel;   ///< a bzImage's bytes
    std::string initramfs;
};

/// Collects the parts, and puts `libraries` into the initramfs. Throws MachineError, which names what is missing.
Parts collect_parts(const MachineFiles& files, const std::vector<std::filesystem::path>& libraries);

/// Returns a name for the saved state of a machine made of `parts`. Whatever changes the state changes the name.
std::string state_key(const Parts& parts);

/// Checks for what QEMU needs: see Machine::check.
void check_qemu(const Machine& machine);

/// Returns the name of the saved state: see Machine::key.
std::string key_of_qemu_machine(const MachineFiles& files);

/// Starts the machine from a saved state: see Machine::start. If the state is missing or does not work, makes it anew,
/// once, which takes some seconds. Leaves the files of the request, to be sent to the agent.
std::unique_ptr<Emulator> start_qemu_machine(StartRequest& request);

}  // namespace gatecrash::machines
