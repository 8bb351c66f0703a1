// Keeps the machine's state right after its first boot on disk, so that later starts need no boot.
//
// A folder `CACHE/KEY` holds `memory` (the machine's RAM, sparse), `devices` (QEMU's device state) and `manifest.json`
// (size and digest of both). KEY is a digest of everything that the state depends on, so a stale state is not found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "machines/cache.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// The open files of one saved state. They stay valid even if the folder is replaced meanwhile.
class SavedState {
  public:
    /// Opens the state in `folder`. Empty if there is none, or if the sizes show damage.
    static std::optional<SavedState> open(const std::filesystem::path& folder);

    int memory() const { return memory_.get(); }
    int devices() const { return devices_.get(); }
    /// True if both files still are what was saved. Reads all of them, which takes a tenth of a second.
    bool intact() const;
    /// Returns a number that identifies this copy: another copy under the same name has another number.
    std::uint64_t identity() const { return identity_; }

  private:
    posix::FileDescriptor memory_;
    posix::FileDescriptor devices_;
    std::string memory_digest_;
    std::string devices_digest_;
    std::uint64_t identity_ = 0;
};

/// Returns a digest of a file. It does not depend on whether zeros are stored as holes. Throws std::system_error.
std::string sparse_digest(int fd);

/// Saves the contents of `memory` and `devices` in `folder`, which must be empty. Throws std::system_error.
void save_state(const std::filesystem::path& folder, int memory, int devices);

/// Returns the state `key` of `cache`. If it is missing, or is the copy `damaged`, makes it with `make(folder)`.
SavedState get_state(const ContentCache& cache, const std::string& key, std::optional<std::uint64_t> damaged,
                     const std::function<void(const std::filesystem::path& folder)>& make);

}  // namespace gatecrash::machines
