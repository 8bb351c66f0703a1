#include "report/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "posix/file.hpp"

namespace gatecrash::report {
namespace {

namespace fs = std::filesystem;

std::string reason(int error_number) { return std::generic_category().message(error_number); }

[[noreturn]] void fail_path(const std::string& name, int error_number) {
    throw OutputPathError(fmt::format("cannot write {}: {}", name, reason(error_number)));
}

[[noreturn]] void fail_write(const std::string& name, int error_number) {
    throw OutputWriteError(fmt::format("writing {} failed: {}", name, reason(error_number)));
}

void write_or_fail(const std::string& name, int fd, std::string_view content) {
    try {
        posix::write_all(fd, content);
    } catch (const std::system_error& error) {
        fail_write(name, error.code().value());
    }
}

/// A file beside another one. The destructor removes it unless it has replaced the other.
class Sibling {
  public:
    explicit Sibling(const fs::path& of)
        : path_(of.parent_path() / fmt::format(".{}.{}.unfinished", of.filename().string(), ::getpid())) {
        ::unlink(path_.c_str());  // from a killed process that had our process id
        fd_ = posix::FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (!fd_) error_number_ = errno;
    }
    Sibling(const Sibling&) = delete;
    Sibling& operator=(const Sibling&) = delete;
    ~Sibling() {
        if (fd_) ::unlink(path_.c_str());
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] int error_number() const { return error_number_; }
    /// Returns false, with errno set, if it fails.
    [[nodiscard]] bool replace(const fs::path& other) const { return ::rename(path_.c_str(), other.c_str()) == 0; }

  private:
    fs::path path_;
    posix::FileDescriptor fd_;
    int error_number_ = 0;
};

/// Follows symbolic links, so that writing the file keeps them.
fs::path behind_links(const fs::path& path) {
    std::error_code error;
    auto target = fs::weakly_canonical(path, error);
    return error ? path : target;
}

}  // namespace

OutputFile::OutputFile(const std::string& path)
    : name_(path == "-" ? "standard output" : path), is_standard_output_(path == "-") {
    if (is_standard_output_) return;
    if (path.empty()) fail_path("''", ENOENT);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno != ENOENT) fail_path(name_, errno);
    } else if (S_ISDIR(status.st_mode)) {
        fail_path(name_, EISDIR);
    } else if (!S_ISREG(status.st_mode)) {
        special_ = posix::FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!special_) fail_path(name_, errno);
        return;
    } else if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) {
        fail_path(name_, errno);
    }
    target_ = behind_links(path);
    // Creates the file and removes it at once. If it stayed until the end, it would outlive a process that is killed.
    if (const Sibling probe(target_); probe.error_number() != 0) fail_path(name_, probe.error_number());
}

void OutputFile::write(std::string_view content) {
    if (!is_standard_output_ && !special_) return write_atomically(content);
    const int fd = is_standard_output_ ? STDOUT_FILENO : special_.get();
    write_or_fail(name_, fd, content);
}

void OutputFile::write_atomically(std::string_view content) const {
    const Sibling sibling(target_);
    if (sibling.error_number() != 0) fail_write(name_, sibling.error_number());
    write_or_fail(name_, sibling.fd(), content);
    struct stat old {};
    if (::stat(target_.c_str(), &old) == 0) (void)::fchmod(sibling.fd(), old.st_mode & 0777);
    if (!sibling.replace(target_)) fail_write(name_, errno);
}

}  // namespace gatecrash::report
