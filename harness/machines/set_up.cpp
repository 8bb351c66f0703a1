#include "machines/set_up.hpp"

#include <system_error>
#include <vector>

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// Returns the folder that this program was built in, and the usual one of its sources. Empty in a package.
std::vector<fs::path> build_folders() { return {GATECRASH_BUILD_FOLDERS}; }

}  // namespace

std::optional<fs::path> build_folder() {
    std::error_code error;
    const auto folders = build_folders();
    if (folders.empty() || !fs::is_directory(folders.front(), error)) return std::nullopt;
    return folders.front();
}

std::optional<fs::path> find_set_up(const fs::path& path) {
    for (const auto& build : build_folders()) {
        std::error_code error;
        auto found = build / "machines" / path;
        if (fs::exists(found, error)) return found;
    }
    return std::nullopt;
}

}  // namespace gatecrash::machines
