#include "machines/set_up.hpp"

#include <system_error>

namespace gatecrash::machines {

namespace fs = std::filesystem;

std::optional<fs::path> find_set_up(const fs::path& path) {
    for (const fs::path build : {GATECRASH_BUILD_FOLDER, GATECRASH_SOURCE_FOLDER "/build"}) {
        std::error_code error;
        auto found = build / "machines" / path;
        if (fs::exists(found, error)) return found;
    }
    return std::nullopt;
}

}  // namespace gatecrash::machines
