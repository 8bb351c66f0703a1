// The machine before any program: its first file system, its first boot, and the state saved from it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gatecrash/emulator/run.hpp"
#include "saved_state.hpp"

namespace gatecrash::emulator {

/// The machine-agent program, part of this one.
std::string_view agent_image();

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

/// Boots and saves the machine to `folder`; takes some seconds. Throws MachineError.
void boot_and_save(const Parts& parts, const std::filesystem::path& folder);

}  // namespace gatecrash::emulator
