// The machine's state right after its first boot, kept on disk so that later starts need no boot.
//
// A folder `CACHE/KEY` holds `memory` (the machine's RAM, sparse), `devices` (QEMU's device state) and `manifest.json`
// (size and digest of both). KEY is a digest of everything the state depends on, so a stale one is simply not found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "machines/cache.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// The open files of one saved state. They stay valid even when the folder is replaced meanwhile.
class SavedState {
  public:
    /// Opens the state in `folder`; nothing when there is none, or when a look at the sizes shows damage.
    static std::optional<SavedState> open(const std::filesystem::path& folder);

    int memory() const { return memory_.get(); }
    int devices() const { return devices_.get(); }
    /// Whether both files still are what was saved. Reads all of them: a tenth of a second, best done meanwhile.
    bool intact() const;
    /// Identifies this very copy: another one under the same name has another.
    std::uint64_t identity() const { return identity_; }

  private:
    posix::FileDescriptor memory_;
    posix::FileDescriptor devices_;
    std::string memory_digest_;
    std::string devices_digest_;
    std::uint64_t identity_ = 0;
};

/// Digest of a file in which zeros may be holes: how they are stored makes no difference. Throws std::system_error.
std::string sparse_digest(int fd);

/// Saves the contents of `memory` and `devices` in `folder`, which is empty. Throws std::system_error.
void save_state(const std::filesystem::path& folder, int memory, int devices);

/// The state `key` of `cache`. When it is missing, or is the copy `damaged`, makes it with `make(folder)`.
SavedState get_state(const ContentCache& cache, const std::string& key, std::optional<std::uint64_t> damaged,
                     const std::function<void(const std::filesystem::path& folder)>& make);

}  // namespace gatecrash::machines
