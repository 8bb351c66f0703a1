// A compact disc that boots a kernel: Bochs knows no other way to start one without an installed system.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machines/initramfs.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// What is on a disc.
struct DiscParts {
    std::string kernel;  ///< a bzImage's bytes
    std::string kernel_arguments;
    std::vector<Module> modules;  ///< as they came; they are stripped on the way
    std::vector<std::filesystem::path> libraries;
    InsideFiles files;
};

/// Throws the MachineError that `what` of what the intel machine needs is missing, with the remedy.
[[noreturn]] void throw_no_bochs(const std::string& what);

/// Throws MachineError with the remedy when something of what makes a disc is missing.
void check_disc_tools();

/// The disc of `parts`, an image open for reading. It is made when it is not below `cache`.
posix::FileDescriptor get_disc(const std::filesystem::path& cache, const DiscParts& parts);

}  // namespace gatecrash::machines
