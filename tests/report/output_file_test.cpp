#include "report/output_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace gatecrash::report {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Output : public testing::Test {
  protected:
    Output() {
        std::string name = testing::TempDir() + "/output-XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    std::string content(const std::string& name) const {
        std::ifstream stream(path(name));
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    std::size_t file_count() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
    }
    static std::string error_of(const std::string& path) {
        try {
            const OutputFile file(path);
        } catch (const OutputPathError& error) {
            return error.what();
        }
        return "no error";
    }

    fs::path folder_;
};

TEST_F(Output, AppearsWholeAndAlone) {
    OutputFile file(path("new"));
    EXPECT_EQ(file_count(), 0U) << "nothing is there before it is written";
    file.write("content");
    EXPECT_EQ(content("new"), "content");
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(Output, ReplacesAnOldFileAndKeepsItsMode) {
    std::ofstream(path("old")) << "old";
    fs::permissions(path("old"), fs::perms::owner_read | fs::perms::owner_write);
    OutputFile file(path("old"));
    EXPECT_EQ(content("old"), "old");
    file.write("new");
    EXPECT_EQ(content("old"), "new");
    EXPECT_EQ(fs::status(path("old")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Output, KeepsASymbolicLink) {
    std::ofstream(path("file")) << "old";
    fs::create_symlink("file", path("link"));
    OutputFile(path("link")).write("new");
    EXPECT_TRUE(fs::is_symlink(path("link")));
    EXPECT_EQ(content("file"), "new");
}

TEST_F(Output, NamesAnImpossiblePath) {
    EXPECT_EQ(error_of(path("no/such")), "cannot write " + path("no/such") + ": No such file or directory");
    EXPECT_EQ(error_of(folder_.string()), "cannot write " + folder_.string() + ": Is a directory");
    std::ofstream(path("file")) << "old";
    EXPECT_THAT(error_of(path("file/x")), HasSubstr("Not a directory"));
    EXPECT_THAT(error_of(""), HasSubstr("cannot write ''"));
    EXPECT_THAT(error_of(path(std::string(300, 'x'))), HasSubstr("File name too long"));
}

TEST_F(Output, NamesAFileWithoutPermission) {
    std::ofstream(path("file")) << "old";
    fs::permissions(path("file"), fs::perms::owner_read | fs::perms::others_read);
    fs::permissions(folder_, fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
    // Root may write everywhere, so the test becomes another user for a moment.
    constexpr uid_t nobody = 65534;
    const auto user = ::geteuid();
    if (user == 0) {
        ASSERT_EQ(::seteuid(nobody), 0);
    }
    const auto old_file = error_of(path("file"));
    const auto new_file = user == 0 ? error_of(path("new")) : "Permission denied";
    ASSERT_EQ(::seteuid(user), 0);
    EXPECT_THAT(old_file, HasSubstr("Permission denied"));
    EXPECT_THAT(new_file, HasSubstr("Permission denied"));
}

TEST_F(Output, ReportsAFullDisk) {
    OutputFile file("/dev/full");
    try {
        file.write("content");
        FAIL() << "no error";
    } catch (const OutputWriteError& error) {
        EXPECT_STREQ(error.what(), "writing /dev/full failed: No space left on device");
    }
}

TEST_F(Output, WritesToAPipe) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    std::fstream reader(path("pipe"), std::ios::in | std::ios::out);
    OutputFile(path("pipe")).write("content\n");
    std::string line;
    std::getline(reader, line);
    EXPECT_EQ(line, "content");
    EXPECT_TRUE(fs::is_fifo(path("pipe")));
}

}  // namespace
}  // namespace gatecrash::report
