// What a dynamically linked program needs beside itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gatecrash::machines {

/// The program loader and every shared library loaded into this process, each by the path under which the loader found
/// it, which is where the loader will look for it inside the machine as well. Empty for a static program.
std::vector<std::filesystem::path> own_libraries();

/// The same for a program that is not running: its own loader is asked (`LOADER --list PROGRAM`), for nobody else knows
/// its search rules. Empty for a static program or a script. Throws MachineError when a library is not found.
std::vector<std::filesystem::path> libraries_of(const std::filesystem::path& program);

/// The PT_INTERP of the ELF file `program`, empty when it has none.
std::filesystem::path loader_of(const std::filesystem::path& program);

/// The ELF file `program` without what comes after its last loaded segment: symbols and debug information, usually nine
/// tenths of the file, which nobody inside the machine would read. Anything but such a file comes back as it is.
std::string without_debug_information(std::string program);

/// What `LOADER --list` printed, as paths. Throws MachineError naming a library that was "not found".
std::vector<std::filesystem::path> parse_loader_list(const std::string& text);

/// Directories of `libraries` that a loader does not search by itself, joined by ':' for LD_LIBRARY_PATH.
std::string library_search_path(const std::vector<std::filesystem::path>& libraries);

}  // namespace gatecrash::machines
