// A compact disc that boots a kernel: Bochs knows no other way to start one without an installed system.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machines/initramfs.hpp"
#include "machines/machines.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// What is on a disc.
struct DiscParts {
    const Machine& machine;  ///< that the disc is for
    std::string kernel;      ///< a bzImage's bytes
    std::string kernel_arguments;
    std::vector<Module> modules;  ///< as they came; they are stripped on the way
    std::vector<std::filesystem::path> libraries;
    InsideFiles files;
};

/// Throws MachineError, with the remedy of `machine`, if something of what makes a disc is missing.
void check_disc_tools(const Machine& machine);

/// The disc of `parts`, an image open for reading. It is made when it is not below `cache`.
posix::FileDescriptor get_disc(const std::filesystem::path& cache, const DiscParts& parts);

}  // namespace gatecrash::machines
