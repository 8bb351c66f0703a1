// Which kernel modules to load, and in which order.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::machines {

/// Module names with '-' and '_' made one, as the kernel does: "kvm-amd" is "kvm_amd".
std::string module_name(std::string_view name);

/// The modules a module file says it needs (its `.modinfo` section's "depends="). Read from the module itself, so that
/// a folder without the output of depmod serves as well. Throws MachineError when `object` is no ELF file.
std::vector<std::string> module_dependencies(std::string_view object);

/// `wanted` and everything they need, each after what it needs, each once. `depends` maps a module name to the names it
/// needs. Throws MachineError on a cycle or on a name that `depends` lacks.
std::vector<std::string> module_order(std::span<const std::string> wanted,
                                      const std::map<std::string, std::vector<std::string>>& depends);

/// A module to load.
struct Module {
    std::string name;
    std::string object;  ///< the file's content
};

/// Reads `wanted` and what they need below `folder`, in loading order. Modules that the kernel has built in (the
/// folder's modules.builtin) are left out. Throws MachineError naming what is missing.
std::vector<Module> read_modules(const std::filesystem::path& folder, std::span<const std::string> wanted);

}  // namespace gatecrash::machines
