#include "saved_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "gatecrash/emulator/digest.hpp"
#include "gatecrash/emulator/machine_error.hpp"

namespace gatecrash::emulator {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t block_size = 64U << 10;

/// So many states are kept: a program and its sanitized build, its tests, another kernel.
constexpr std::size_t states_kept = 4;

constexpr std::string_view unfinished = "unfinished-";

/// Whether `name` can be a state of ours: the cache folder is the user's choice, and may hold anything else.
bool is_key(std::string_view name) {
    return name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_zero(std::string_view bytes) {
    return bytes.empty() || (bytes.front() == 0 && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

/// Calls `visit(position, block)` for every block of `fd` that is not all zero.
void for_each_block(int fd, const std::function<void(off_t, std::string_view)>& visit) {
    const auto end = ::lseek(fd, 0, SEEK_END);
    if (end < 0) throw_errno("lseek");
    std::string buffer(block_size, '\0');
    for (off_t position = 0; position < end;) {
        const auto data = ::lseek(fd, position, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return;  // nothing but a hole is left
        if (data < 0) throw_errno("lseek");
        // Where holes end depends on the file system; blocks at fixed places do not.
        position = data / static_cast<off_t>(block_size) * static_cast<off_t>(block_size);
        const auto got = ::pread(fd, buffer.data(), buffer.size(), position);
        if (got < 0) throw_errno("read");
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

/// Copies `from` into a new file `to`, holes staying holes.
Copied copy_sparse(int from, const fs::path& to) {
    const Fd fd = open_file(to, O_WRONLY | O_CREAT | O_EXCL);
    const auto size = ::lseek(from, 0, SEEK_END);
    if (size < 0 || ::ftruncate(fd.get(), size) != 0) throw_errno(to.string());
    Digest digest;
    for_each_block(from, [&](off_t position, std::string_view block) {
        digest_block(digest, position, block);
        if (::lseek(fd.get(), position, SEEK_SET) < 0) throw_errno(to.string());
        write_all(fd.get(), block);
    });
    // Delayed allocation and network file systems report a full disk only here.
    if (::fdatasync(fd.get()) != 0) throw_errno(to.string());
    return {static_cast<std::uint64_t>(size), digest.text()};
}

bool has_size(const Fd& fd, std::uint64_t size) {
    struct stat status {};
    return ::fstat(fd.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == size;
}

[[noreturn]] void throw_cache_error(const fs::path& folder, const std::string& why) {
    throw MachineError(fmt::format("cannot save the amd machine in {}: {}", folder.string(), why),
                       "make room or make it writable, or name another folder with GATECRASH_CACHE");
}

}  // namespace

std::string sparse_digest(int fd) {
    Digest digest;
    for_each_block(fd, [&](off_t position, std::string_view block) { digest_block(digest, position, block); });
    return digest.text();
}

std::optional<SavedState> SavedState::open(const fs::path& folder) {
    try {
        const auto manifest_fd = open_file(folder / "manifest.json", O_RDONLY);
        const auto manifest = nlohmann::json::parse(read_all(manifest_fd.get()));
        struct stat status {};
        SavedState state;
        if (::fstat(manifest_fd.get(), &status) != 0) return std::nullopt;
        state.identity_ = static_cast<std::uint64_t>(status.st_ino) ^
                          (static_cast<std::uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000 +
                           static_cast<std::uint64_t>(status.st_ctim.tv_nsec));
        // Read and write is what QEMU asks for when it opens the memory, even to map it privately.
        state.memory_ = open_file(folder / "memory", O_RDWR);
        state.devices_ = open_file(folder / "devices", O_RDONLY);
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
    // The descriptors' file positions are QEMU's: open files of our own by way of /proc.
    const auto reopened = [](int fd) { return open_file(fmt::format("/proc/self/fd/{}", fd), O_RDONLY); };
    try {
        return sparse_digest(reopened(devices()).get()) == devices_digest_ &&
               sparse_digest(reopened(memory()).get()) == memory_digest_;
    } catch (const std::system_error&) {
        return false;
    }
}

void save_state(const fs::path& folder, int memory, int devices) {
    const auto temporary = folder.parent_path() / fmt::format("{}{}", unfinished, ::getpid());
    try {
        fs::remove_all(temporary);
        fs::create_directories(temporary);
        const auto saved_memory = copy_sparse(memory, temporary / "memory");
        const auto saved_devices = copy_sparse(devices, temporary / "devices");
        const nlohmann::json manifest = {
            {"memory", {{"size", saved_memory.size}, {"digest", saved_memory.digest}}},
            {"devices", {{"size", saved_devices.size}, {"digest", saved_devices.digest}}},
        };
        const auto manifest_fd = open_file(temporary / "manifest.json", O_WRONLY | O_CREAT | O_EXCL);
        write_all(manifest_fd.get(), manifest.dump(2) + "\n");
        if (::fdatasync(manifest_fd.get()) != 0) throw_errno("manifest.json");
        fs::remove_all(folder);
        fs::rename(temporary, folder);
    } catch (const std::system_error& error) {
        std::error_code ignored;
        fs::remove_all(temporary, ignored);
        throw_cache_error(folder.parent_path(), error.code().message());
    }
}

StateCache::StateCache(fs::path folder) : folder_(std::move(folder)) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw_cache_error(folder_, error.message());
}

SavedState StateCache::get(const std::string& key, std::optional<std::uint64_t> damaged,
                           const std::function<void(const fs::path& folder)>& make) {
    const auto folder = folder_ / key;
    const auto usable = [&] {
        auto state = SavedState::open(folder);
        return state && state->identity() != damaged ? std::move(state) : std::nullopt;
    };
    if (auto state = usable()) {
        std::error_code ignored;  // only tidy() looks at the time
        fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);
        return std::move(*state);
    }
    const Fd lock = [&] {
        try {
            return open_file(folder_ / "lock", O_RDWR | O_CREAT);
        } catch (const std::system_error& error) {
            throw_cache_error(folder_, error.code().message());
        }
    }();
    while (::flock(lock.get(), LOCK_EX) != 0) {
        if (errno != EINTR) throw_cache_error(folder_, std::generic_category().message(errno));
    }
    // Whoever had the lock before may have made it.
    if (auto state = usable()) return std::move(*state);
    tidy(key);
    make(folder);
    if (auto state = SavedState::open(folder)) return std::move(*state);
    throw_cache_error(folder_, "what was just written cannot be read");
}

void StateCache::tidy(const std::string& key) const {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> states;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (!entry.is_directory(error)) continue;
        const auto name = entry.path().filename().string();
        // Under the lock nobody else is writing: what is unfinished now stays so.
        if (name.starts_with(unfinished)) fs::remove_all(entry.path(), error);
        if (is_key(name) && name != key) states.emplace_back(entry.last_write_time(error), entry.path());
    }
    std::sort(states.rbegin(), states.rend());
    for (std::size_t i = states_kept - 1; i < states.size(); ++i) fs::remove_all(states[i].second, error);
}

}  // namespace gatecrash::emulator
