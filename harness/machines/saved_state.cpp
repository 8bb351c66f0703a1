#include "machines/saved_state.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "machines/blocks.hpp"
#include "machines/cache.hpp"
#include "machines/digest.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// Calls `visit(position, block)` for every block of `fd` that is not all zero.
void for_each_block(int fd, const std::function<void(off_t, std::string_view)>& visit) {
    const auto end = ::lseek(fd, 0, SEEK_END);
    if (end < 0) posix::throw_errno("lseek");
    std::string buffer(block_size, '\0');
    for (off_t position = 0; position < end;) {
        const auto data = ::lseek(fd, position, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return;  // only a hole is left
        if (data < 0) posix::throw_errno("lseek");
        // Uses blocks at fixed places, since it depends on the file system where holes end.
        position = data / static_cast<off_t>(block_size) * static_cast<off_t>(block_size);
        const auto got = ::pread(fd, buffer.data(), buffer.size(), position);
        if (got < 0) posix::throw_errno("read");
        if (got == 0) return;
        const auto block = std::string_view(buffer).substr(0, static_cast<std::size_t>(got));
        if (!is_zero(block)) visit(position, block);
        position += static_cast<off_t>(block_size);
    }
}

void digest_block(Digest& digest, off_t position, std::string_view block) {
    digest.add({reinterpret_cast<const char*>(&position), sizeof(position)}).add(block);
}

struct Copied {
    std::uint64_t size;
    std::string digest;
};

/// Copies `from` into a new file `to`. Holes stay holes.
Copied copy_sparse(int from, const fs::path& to) {
    const posix::FileDescriptor fd = posix::open_file(to, O_WRONLY | O_CREAT | O_EXCL);
    const auto size = ::lseek(from, 0, SEEK_END);
    if (size < 0 || ::ftruncate(fd.get(), size) != 0) posix::throw_errno(to.string());
    Digest digest;
    for_each_block(from, [&](off_t position, std::string_view block) {
        digest_block(digest, position, block);
        if (::lseek(fd.get(), position, SEEK_SET) < 0) posix::throw_errno(to.string());
        posix::write_all(fd.get(), block);
    });
    return {static_cast<std::uint64_t>(size), digest.text()};
}

bool has_size(const posix::FileDescriptor& fd, std::uint64_t size) {
    struct stat status {};
    return ::fstat(fd.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == size;
}

}  // namespace

std::string sparse_digest(int fd) {
    Digest digest;
    for_each_block(fd, [&](off_t position, std::string_view block) { digest_block(digest, position, block); });
    return digest.text();
}

std::optional<SavedState> SavedState::open(const fs::path& folder) {
    try {
        const auto manifest_fd = posix::open_file(folder / "manifest.json", O_RDONLY);
        const auto manifest = nlohmann::json::parse(posix::read_all(manifest_fd.get()));
        struct stat status {};
        SavedState state;
        if (::fstat(manifest_fd.get(), &status) != 0) return std::nullopt;
        state.identity_ = static_cast<std::uint64_t>(status.st_ino) ^
                          (static_cast<std::uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000 +
                           static_cast<std::uint64_t>(status.st_ctim.tv_nsec));
        // QEMU opens the memory for reading and writing, even to map it privately.
        state.memory_ = posix::open_file(folder / "memory", O_RDWR);
        state.devices_ = posix::open_file(folder / "devices", O_RDONLY);
        state.memory_digest_ = manifest.at("memory").at("digest");
        state.devices_digest_ = manifest.at("devices").at("digest");
        if (!has_size(state.memory_, manifest.at("memory").at("size"))) return std::nullopt;
        if (!has_size(state.devices_, manifest.at("devices").at("size"))) return std::nullopt;
        return state;
    } catch (const std::system_error&) {
        return std::nullopt;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

bool SavedState::intact() const {
    // Opens both files again, since QEMU uses the file positions of these descriptors.
    try {
        return sparse_digest(posix::reopen(devices()).get()) == devices_digest_ &&
               sparse_digest(posix::reopen(memory()).get()) == memory_digest_;
    } catch (const std::system_error&) {
        return false;
    }
}

void save_state(const fs::path& folder, int memory, int devices) {
    const auto saved_memory = copy_sparse(memory, folder / "memory");
    const auto saved_devices = copy_sparse(devices, folder / "devices");
    const nlohmann::json manifest = {
        {"memory", {{"size", saved_memory.size}, {"digest", saved_memory.digest}}},
        {"devices", {{"size", saved_devices.size}, {"digest", saved_devices.digest}}},
    };
    posix::write_all(posix::open_file(folder / "manifest.json", O_WRONLY | O_CREAT | O_EXCL).get(),
                     manifest.dump(2) + "\n");
}

SavedState get_state(const ContentCache& cache, const std::string& key, std::optional<std::uint64_t> damaged,
                     const std::function<void(const fs::path& folder)>& make) {
    std::optional<SavedState> state;
    const auto usable = [&](const fs::path& folder) {
        state = SavedState::open(folder);
        return state && state->identity() != damaged;
    };
    cache.get(key, usable, make);
    return std::move(*state);
}

}  // namespace gatecrash::machines
