// What a machine boots: a kernel, and a first file system in memory.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "machines/modules.hpp"

namespace gatecrash::machines {

/// The machine-agent program, part of this one.
std::string_view agent_image();

/// A file as it is inside.
struct InsideFile {
    std::string content;
    unsigned mode = 0755;
};

/// Path inside -> file.
using InsideFiles = std::map<std::filesystem::path, InsideFile>;

/// The bytes of the bzImage `path`. Throws MachineError with the remedy when it is none.
std::string read_kernel(const std::filesystem::path& path);

/// An archive with the agent as the first process, the modules in the order in which it loads them, the libraries under
/// their own paths, and `files`.
std::string make_initramfs(const std::vector<Module>& modules, const std::vector<std::filesystem::path>& libraries,
                           const InsideFiles& files = {});

}  // namespace gatecrash::machines
