#include "machines/file_window.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "machines/blocks.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {
namespace {

/// Returns the blocks of `content` that are not zero, one after another from `window` on.
std::vector<FilePiece> pieces_of(std::string_view content, std::uint64_t window) {
    std::vector<FilePiece> pieces;
    for (std::size_t at = 0; at < content.size(); at += block_size) {
        const auto block = content.substr(at, block_size);
        if (is_zero(block)) continue;
        if (pieces.empty() || pieces.back().in_file + pieces.back().size != at) pieces.push_back({at, window, 0});
        pieces.back().size += block.size();
        window += block.size();
    }
    return pieces;
}

}  // namespace

FileWindow::FileWindow(std::size_t size) : file_(posix::memory_file("gatecrash-window")), size_(size) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) posix::throw_errno("ftruncate");
}

std::optional<std::vector<FilePiece>> FileWindow::put(std::string_view content) {
    auto pieces = pieces_of(content, used_);
    const auto end = pieces.empty() ? used_ : pieces.back().in_window + pieces.back().size;
    if (end > size_) return std::nullopt;
    for (const auto& piece : pieces) {
        if (::lseek(file_.get(), static_cast<off_t>(piece.in_window), SEEK_SET) < 0) posix::throw_errno("lseek");
        posix::write_all(file_.get(), content.substr(piece.in_file, piece.size));
    }
    used_ = end;
    return pieces;
}

void FileWindow::clear() {
    // Without this, the files would take memory twice for as long as the machine runs.
    (void)::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_));
    used_ = 0;
}

}  // namespace gatecrash::machines
