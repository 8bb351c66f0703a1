// The machine `amd`: QEMU, its first boot, and the state saved from it.
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
    std::filesystem::path qemu;
    std::string version;  ///< of QEMU
    std::string kernel;   ///< a bzImage's bytes
    std::string initramfs;
};

/// Collects the parts; `libraries` are put into the initramfs. Throws MachineError naming what is missing.
Parts collect_parts(const MachineFiles& files, const std::vector<std::filesystem::path>& libraries);

/// Names the saved state of a machine made of `parts`: whatever changes the state changes the key.
std::string state_key(const Parts& parts);

/// A machine that is ready, with `libraries` in it. It comes from a saved state; one that is missing, or does not work,
/// is made anew, once, which takes some seconds. Throws MachineError, or Interrupted.
std::unique_ptr<Emulator> start_amd(const MachineFiles& files, const std::vector<std::filesystem::path>& libraries,
                                    posix::SignalPipe& signals);

}  // namespace gatecrash::machines
