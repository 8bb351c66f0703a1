#include "machines/cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "machines/machine_error.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// The number of folders that are kept: enough for a program and its sanitized build, its tests, another kernel.
constexpr std::size_t folders_kept = 4;

constexpr std::string_view unfinished = "unfinished-";

/// True if `name` can be a folder of this cache. The user chooses the cache folder, which may hold anything else.
bool is_key(std::string_view name) {
    return name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

[[noreturn]] void throw_cache_error(const fs::path& folder, const std::string& why) {
    throw MachineError(fmt::format("cannot save the emulated machine in {}: {}", folder.string(), why),
                       "make room there, make the folder writable, or name another one with GATECRASH_CACHE");
}

/// Writes the files to disk: delayed allocation and network file systems report a full disk only then.
void sync_files(const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (::fdatasync(posix::open_file(entry.path(), O_RDONLY).get()) != 0) posix::throw_errno(entry.path().string());
    }
}

}  // namespace

ContentCache::ContentCache(fs::path folder) : folder_(std::move(folder)) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw_cache_error(folder_, error.message());
}

void ContentCache::get(const std::string& key, const std::function<bool(const fs::path& folder)>& usable,
                       const std::function<void(const fs::path& folder)>& make) const {
    const auto folder = folder_ / key;
    if (usable(folder)) {
        std::error_code ignored;  // only tidy() looks at the time
        fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);
        return;
    }
    const posix::FileDescriptor lock = [&] {
        try {
            return posix::open_file(folder_ / "lock", O_RDWR | O_CREAT);
        } catch (const std::system_error& error) {
            throw_cache_error(folder_, error.code().message());
        }
    }();
    while (::flock(lock.get(), LOCK_EX) != 0) {
        if (errno != EINTR) throw_cache_error(folder_, std::generic_category().message(errno));
    }
    // The process that had the lock before may have made it.
    if (usable(folder)) return;
    tidy(key);
    make_whole(folder, make);
    if (!usable(folder)) throw_cache_error(folder_, "the file that was just written cannot be read");
}

void ContentCache::make_whole(const fs::path& folder, const std::function<void(const fs::path& folder)>& make) const {
    const auto temporary = folder_ / fmt::format("{}{}", unfinished, ::getpid());
    std::error_code ignored;
    try {
        fs::remove_all(temporary);
        fs::create_directory(temporary);
        make(temporary);
        sync_files(temporary);
        fs::remove_all(folder);
        fs::rename(temporary, folder);
    } catch (const std::system_error& error) {
        fs::remove_all(temporary, ignored);
        throw_cache_error(folder_, error.what());
    } catch (...) {
        fs::remove_all(temporary, ignored);
        throw;
    }
}

void ContentCache::tidy(const std::string& key) const {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> folders;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (!entry.is_directory(error)) continue;
        const auto name = entry.path().filename().string();
        // This process has the lock, so nobody else is writing: an unfinished folder stays unfinished.
        if (name.starts_with(unfinished)) fs::remove_all(entry.path(), error);
        if (is_key(name) && name != key) folders.emplace_back(entry.last_write_time(error), entry.path());
    }
    std::sort(folders.rbegin(), folders.rend());
    for (std::size_t i = folders_kept - 1; i < folders.size(); ++i) fs::remove_all(folders[i].second, error);
}

}  // namespace gatecrash::machines
