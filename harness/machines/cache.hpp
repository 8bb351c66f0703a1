// Keeps folders that are slow to make and that any number of processes may use at a time. A folder is made from several
// inputs; its name is their digest.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace gatecrash::machines {

class ContentCache {
  public:
    /// Creates the folder. Throws MachineError if that fails.
    explicit ContentCache(std::filesystem::path folder);

    /// Makes sure that the folder `key` exists and that `usable(folder)` is true. If not, it lets `make(folder)` fill
    /// an empty folder, writes the files to disk, and renames the folder to `key`, all or nothing. One process at a
    /// time does so, and removes folders that nobody needs any more. Throws what `make` throws, but MachineError for a
    /// std::system_error. Throws MachineError if `key` is not usable after that.
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
