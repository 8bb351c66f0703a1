#include "machines/cpio.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <vector>

namespace gatecrash::machines {
namespace {

using testing::ElementsAre;

struct Entry {
    std::string name;
    unsigned long mode;
    std::string content;
};

/// Reads an archive the way the kernel does.
std::vector<Entry> unpack(const std::string& archive) {
    std::vector<Entry> entries;
    for (std::size_t at = 0; at < archive.size();) {
        EXPECT_EQ(archive.substr(at, 6), "070701");
        const auto field = [&](std::size_t index) {
            return std::stoul(archive.substr(at + 6 + 8 * index, 8), nullptr, 16);
        };
        const auto name_size = field(11);
        const auto size = field(6);
        const auto content_at = (at + 110 + name_size + 3) / 4 * 4;
        entries.push_back({archive.substr(at + 110, name_size - 1), field(1), archive.substr(content_at, size)});
        at = (content_at + size + 3) / 4 * 4;
    }
    return entries;
}

std::vector<std::string> names(const std::vector<Entry>& entries) {
    std::vector<std::string> result;
    result.reserve(entries.size());
    for (const auto& entry : entries) result.push_back(entry.name);
    return result;
}

TEST(Cpio, WritesOnlyATrailerForAnEmptyArchive) {
    const auto archive = CpioWriter().finish();
    EXPECT_THAT(names(unpack(archive)), ElementsAre("TRAILER!!!"));
    EXPECT_EQ(archive.size() % 4, 0U);
}

TEST(Cpio, MakesEachParentOnceAndBeforeItsFiles) {
    CpioWriter writer;
    writer.file("/lib/x/a", "1");
    writer.file("/lib/x/b", "2");
    EXPECT_THAT(names(unpack(writer.finish())), ElementsAre("lib", "lib/x", "lib/x/a", "lib/x/b", "TRAILER!!!"));
}

TEST(Cpio, KeepsContentsOfEveryAlignment) {
    CpioWriter writer;
    for (std::size_t size = 0; size < 9; ++size) writer.file("f" + std::to_string(size), std::string(size, 'x'));
    const auto entries = unpack(writer.finish());
    ASSERT_EQ(entries.size(), 10U);
    for (std::size_t size = 0; size < 9; ++size) EXPECT_EQ(entries[size].content, std::string(size, 'x'));
}

TEST(Cpio, KeepsModes) {
    CpioWriter writer;
    writer.file("/init", "", 0755);
    writer.character_device("/dev/console", 0600, 5, 1);
    const auto entries = unpack(writer.finish());
    EXPECT_EQ(entries[0].mode, S_IFREG | 0755UL);
    EXPECT_EQ(entries[1].mode, S_IFDIR | 0755UL);
    EXPECT_EQ(entries[2].mode, S_IFCHR | 0600UL);
}

TEST(Cpio, GivesTheSameBytesForTheSameCalls) {
    CpioWriter writer;
    writer.file("/a/b", "content");
    const auto first = writer.finish();
    writer.file("/a/b", "content");
    EXPECT_EQ(writer.finish(), first);
}

}  // namespace
}  // namespace gatecrash::machines
