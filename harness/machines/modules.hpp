// Finds out which kernel modules to load, and in which order.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::machines {

/// Returns the name with '-' replaced by '_', as the kernel does: "kvm-amd" is "kvm_amd".
std::string module_name(std::string_view name);

/// Returns the modules that a module file says it needs (its `.modinfo` section's "depends="). It reads them from the
/// module itself, so a folder without the output of depmod is enough. Throws MachineError if `object` is no ELF file.
std::vector<std::string> module_dependencies(std::string_view object);

/// Returns `wanted` and everything they need, each module once, after those that it needs. `depends` maps a module's
/// name to the names that it needs. Throws MachineError for a cycle, or for a name that `depends` lacks.
std::vector<std::string> module_order(std::span<const std::string> wanted,
                                      const std::map<std::string, std::vector<std::string>>& depends);

/// A module to load.
struct Module {
    std::string name;
    std::string object;           ///< the file's content
    std::string parameters = {};  ///< such as "npt=0"
};

/// Reads `wanted` and what they need below `folder`, in loading order, and decompresses them. Leaves out modules that
/// the kernel has built in (the folder's modules.builtin). Throws MachineError, which names what is missing.
std::vector<Module> read_modules(const std::filesystem::path& folder, std::span<const std::string> wanted);

}  // namespace gatecrash::machines
