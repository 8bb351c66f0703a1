#include "machines/cpio.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <stdexcept>
#include <utility>

namespace gatecrash::machines {

namespace {

/// Headers and contents both start at multiples of four bytes.
void pad(std::string& archive) { archive.resize((archive.size() + 3) / 4 * 4); }

/// Names in the archive have no leading slash.
std::string archive_name(const std::filesystem::path& path) { return path.lexically_normal().relative_path().string(); }

}  // namespace

void CpioWriter::entry(const std::string& name, const Node& node, std::string_view content) {
    if (content.size() > 0xffffffff) throw std::length_error(name + " is too large for a cpio archive");
    // magic, inode, mode, uid, gid, links, mtime, size, device of the file (2), device it is (2), name size, checksum
    archive_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
                            next_inode_++, node.mode, 0, 0, node.links, 0, content.size(), 0, 0, node.major, node.minor,
                            name.size() + 1, 0);
    archive_ += name;
    archive_ += '\0';
    pad(archive_);
    archive_ += content;
    pad(archive_);
}

void CpioWriter::directory(const std::filesystem::path& path) {
    const auto name = archive_name(path);
    if (name.empty() || name == "." || !directories_.insert(name).second) return;
    directory(std::filesystem::path(name).parent_path());
    entry(name, {.mode = S_IFDIR | 0755, .links = 2}, {});
}

void CpioWriter::file(const std::filesystem::path& path, std::string_view content, unsigned mode) {
    const auto name = archive_name(path);
    directory(std::filesystem::path(name).parent_path());
    entry(name, {.mode = S_IFREG | (mode & 07777)}, content);
}

void CpioWriter::character_device(const std::filesystem::path& path, unsigned mode, unsigned major, unsigned minor) {
    const auto name = archive_name(path);
    directory(std::filesystem::path(name).parent_path());
    entry(name, {.mode = S_IFCHR | (mode & 07777), .major = major, .minor = minor}, {});
}

std::string CpioWriter::finish() {
    next_inode_ = 0;
    entry("TRAILER!!!", {}, {});
    directories_.clear();
    next_inode_ = 1;
    return std::exchange(archive_, {});
}

}  // namespace gatecrash::machines
