// Finds what a dynamically linked program needs besides itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gatecrash::machines {

/// Returns the program loader and every shared library of this process, each by the path under which the loader found
/// it. Inside the machine, the loader will look for it there as well. Empty for a static program.
std::vector<std::filesystem::path> own_libraries();

/// Returns the same for a program that is not running. It asks the program's own loader (`LOADER --list PROGRAM`),
/// because only that knows its search rules. Empty for a static program or a script. Throws MachineError if a library
/// is not found.
std::vector<std::filesystem::path> libraries_of(const std::filesystem::path& program);

/// Returns the PT_INTERP of the ELF file `program`. Empty if it has none.
std::filesystem::path loader_of(const std::filesystem::path& program);

/// Returns the ELF file `program` without what comes after its last loaded segment: symbols and debug information. That
/// is usually nine tenths of the file, and nobody inside the machine would read it. Returns any other file as it is.
std::string without_debug_information(std::string program);

/// Returns the paths in the output of `LOADER --list`. Throws MachineError, which names a library that was "not found".
std::vector<std::filesystem::path> parse_loader_list(const std::string& text);

/// Returns the directories of `libraries` that a loader does not search by itself, joined by ':' for LD_LIBRARY_PATH.
std::string library_search_path(const std::vector<std::filesystem::path>& libraries);

}  // namespace gatecrash::machines
