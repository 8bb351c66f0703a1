// The parts that a machine boots from: a kernel, and a first file system in memory.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "machines/modules.hpp"
#include "machines/run.hpp"

namespace gatecrash::machines {

/// Returns the machine-agent program, which is built into this one.
std::string_view agent_image();

/// A file inside the machine.
struct InsideFile {
    std::string content;
    unsigned mode = 0755;
};

/// Maps paths inside the machine to files.
using InsideFiles = std::map<std::filesystem::path, InsideFile>;

/// Returns the modules `wanted` and what they need, with the parameters that the machine gives them. Throws
/// MachineError.
std::vector<Module> modules_for(const MachineFiles& files, std::span<const std::string> wanted);

/// Returns the bytes of the bzImage `path`. Throws MachineError with the remedy if it is not a bzImage.
std::string read_kernel(const std::filesystem::path& path);

/// Returns an archive with the agent as the first process, the libraries under their own paths, and `files`. The
/// modules are in the order in which the agent loads them.
std::string make_initramfs(const std::vector<Module>& modules, const std::vector<std::filesystem::path>& libraries,
                           const InsideFiles& files = {});

}  // namespace gatecrash::machines
