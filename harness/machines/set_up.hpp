// Finds what `./dev setup` downloaded for the machines.
#pragma once

#include <filesystem>
#include <optional>

namespace gatecrash::machines {

/// Returns the folder that this program was built in, if it is still there and the program may use it.
[[nodiscard]] std::optional<std::filesystem::path> build_folder();

/// Returns the file or folder that has this `path` in build/machines, if it is there. The build folder is that of this
/// program, or else the usual one of its sources.
[[nodiscard]] std::optional<std::filesystem::path> find_set_up(const std::filesystem::path& path);

}  // namespace gatecrash::machines
