// Folders that are slow to make and that any number of processes may use at a time, each under a digest of what it is
// made from.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace gatecrash::machines {

class ContentCache {
  public:
    /// Creates the folder. Throws MachineError when that fails.
    explicit ContentCache(std::filesystem::path folder);

    /// Sees to it that the folder `key` is there and `usable(folder)` says so. If not, has `make(folder)` fill an empty
    /// folder, whose files are then written to disk and which becomes `key`, all or nothing. One process does so at a
    /// time, and removes what nobody needs any more. Throws what `make` throws, but MachineError for a
    /// std::system_error, and when `key` is not usable then.
    void get(const std::string& key, const std::function<bool(const std::filesystem::path& folder)>& usable,
             const std::function<void(const std::filesystem::path& folder)>& make) const;

    const std::filesystem::path& folder() const { return folder_; }

  private:
    void make_whole(const std::filesystem::path& folder,
                    const std::function<void(const std::filesystem::path& folder)>& make) const;
    void tidy(const std::string& key) const;

    std::filesystem::path folder_;
};

}  // namespace gatecrash::machines
