// Tests the memory through which input files go, from outside.
#include "machines/file_window.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "machines/blocks.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {
namespace {

constexpr std::size_t size = 8 * block_size;

/// Returns what a file consists of, as the agent would make it.
std::string made_of(const std::vector<FilePiece>& pieces, const FileWindow& window, std::size_t length) {
    const auto memory = posix::read_all(posix::reopen(window.fd()).get());
    std::string content(length, '\0');
    for (const auto& [in_file, in_window, bytes] : pieces) content.replace(in_file, bytes, memory, in_window, bytes);
    return content;
}

TEST(FileWindow, HasTheFilesThatWerePut) {
    FileWindow window(size);
    const std::string small = "text", odd(block_size + 1, 'x');
    const auto holes = std::string(3 * block_size, '\0') + "middle" + std::string(3 * block_size, '\0') + "end";
    for (const auto& content : {small, odd, holes, std::string()}) {
        const auto pieces = window.put(content);
        ASSERT_TRUE(pieces);
        EXPECT_EQ(made_of(*pieces, window, content.size()), content);
    }
}

TEST(FileWindow, LeavesHolesOut) {
    FileWindow window(size);
    const auto pieces = window.put(std::string(5 * block_size, '\0') + std::string(block_size, 'x'));
    ASSERT_TRUE(pieces);
    EXPECT_EQ(*pieces, (std::vector<FilePiece>{{5 * block_size, 0, block_size}}));
    EXPECT_EQ(window.put(std::string(100 * block_size, '\0')), std::vector<FilePiece>());
}

TEST(FileWindow, RefusesAFileForWhichItHasNoRoom) {
    FileWindow window(size);
    EXPECT_TRUE(window.put(std::string(5 * block_size, 'x')));
    EXPECT_FALSE(window.put(std::string(4 * block_size, 'y')));
    EXPECT_TRUE(window.put(std::string(3 * block_size, 'z')));
}

TEST(FileWindow, GivesItsMemoryBack) {
    FileWindow window(size);
    EXPECT_TRUE(window.put(std::string(size, 'x')));
    window.clear();
    struct stat status {};
    ASSERT_EQ(::fstat(window.fd(), &status), 0);
    EXPECT_EQ(status.st_blocks, 0);
    EXPECT_EQ(status.st_size, static_cast<off_t>(size));
    EXPECT_TRUE(window.put(std::string(size, 'y')));
}

}  // namespace
}  // namespace gatecrash::machines
