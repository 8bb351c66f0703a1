// Machines that Bochs emulates, and the disc that each boots from.
#pragma once

#include <memory>

#include "machines/emulator.hpp"
#include "machines/machines.hpp"

namespace gatecrash::machines {

/// Checks for what Bochs needs: see Machine::check.
void check_bochs(const Machine& machine);

/// Returns a digest of the emulator, its settings, and the kernel: see Machine::key.
std::string key_of_bochs_machine(const MachineFiles& files);

/// Boots the machine, each time: see Machine::start. The files of the request are on the disc, since the serial line is
/// slow.
std::unique_ptr<Emulator> start_bochs_machine(StartRequest& request);

}  // namespace gatecrash::machines
