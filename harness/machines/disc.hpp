// A compact disc that boots a kernel. Without an installed system, Bochs can start a kernel in no other way.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machines/initramfs.hpp"
#include "machines/machines.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// The parts of a disc.
struct DiscParts {
    const Machine& machine;  ///< the machine that the disc is for
    std::string kernel;      ///< a bzImage's bytes
    std::string kernel_arguments;
    std::vector<Module> modules;  ///< unstripped; get_disc() strips them
    std::vector<std::filesystem::path> libraries;
    InsideFiles files;
};

/// Throws MachineError, with the remedy of `machine`, if something is missing that makes a disc.
void check_disc_tools(const Machine& machine);

/// Returns a name for the disc of `parts`. Whatever changes the disc changes the name.
std::string disc_key(const DiscParts& parts);

/// Returns the disc of `parts`, an image open for reading. Makes it if it is not below `cache`.
posix::FileDescriptor get_disc(const std::filesystem::path& cache, const DiscParts& parts);

}  // namespace gatecrash::machines
