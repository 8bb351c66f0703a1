// The machine `intel`: Bochs, and the disc it boots from.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "machines/emulator.hpp"
#include "machines/initramfs.hpp"
#include "machines/run.hpp"

namespace gatecrash::machines {

/// Throws MachineError with the remedy when something of what `./dev setup --intel` installs is missing.
void check_bochs();

/// A machine that is ready, with `libraries` and `files` in it. Boots, which takes a while. Throws MachineError, or
/// Interrupted.
std::unique_ptr<Emulator> start_intel(const MachineFiles& machine, const std::vector<std::filesystem::path>& libraries,
                                      const InsideFiles& files, posix::SignalPipe& signals);

}  // namespace gatecrash::machines
