// Folders that are slow to make and that any number of processes may use at a time, each under a digest of what it is
// made from.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace gatecrash::emulator {

class ContentCache {
  public:
    /// Creates the folder. Throws MachineError when that fails.
    explicit ContentCache(std::filesystem::path folder);

    /// Sees to it that the folder `key` is there and `usable(folder)` says so. If not, makes it with `make(folder)`,
    /// one process at a time, and removes what nobody needs any more. Throws MachineError when it is not usable then.
    void get(const std::string& key, const std::function<bool(const std::filesystem::path& folder)>& usable,
             const std::function<void(const std::filesystem::path& folder)>& make) const;

    const std::filesystem::path& folder() const { return folder_; }

  private:
    void tidy(const std::string& key) const;

    std::filesystem::path folder_;
};

/// Where to make `folder` of a cache before it is renamed to that. Removed by the next who makes something.
std::filesystem::path unfinished_folder(const std::filesystem::path& folder);

/// Throws the MachineError of a cache folder that cannot be used.
[[noreturn]] void throw_cache_error(const std::filesystem::path& folder, const std::string& why);

}  // namespace gatecrash::emulator
