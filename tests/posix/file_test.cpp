#include "posix/file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

#include "posix/pipe.hpp"
#include "posix/pseudo_terminal.hpp"
#include "posix/signal_pipe.hpp"

namespace gatecrash::posix {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, ClosesWhatItOwns) {
    int fd = -1;
    {
        FileDescriptor first = open_file("/dev/null", O_RDONLY);
        fd = first.get();
        const FileDescriptor second = std::move(first);
        EXPECT_EQ(second.get(), fd);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(FileDescriptor, ClosesTheOldOneAsItTakesANewOneOver) {
    FileDescriptor fd = open_file("/dev/null", O_RDONLY);
    const auto old = fd.get();
    fd = open_file("/dev/zero", O_RDONLY);
    EXPECT_NE(fd.get(), old);
    EXPECT_FALSE(is_open(old));
}

TEST(File, ErrorsNameThePath) {
    try {
        (void)read_file("/no/such/file");
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
        EXPECT_THAT(error.what(), testing::HasSubstr("/no/such/file"));
    }
}

TEST(File, IsReadFromItsStartHoweverFarTheOriginalIs) {
    const auto file = memory_file("file", "some text");
    EXPECT_EQ(read_all(file.get()), "some text");
    EXPECT_EQ(read_all(file.get()), "");
    EXPECT_EQ(read_all(reopen(file.get()).get()), "some text");
}

TEST(File, IsReplacedAsAWhole) {
    const auto file = memory_file("file", "some long text");
    const auto path = "/proc/self/fd/" + std::to_string(file.get());
    write_file(path, "short");
    EXPECT_EQ(read_file(path), "short");
}

TEST(Pipe, CarriesBytesAndIsClosedOnExec) {
    auto pipe = make_pipe();
    write_all(pipe.write.get(), "text");
    pipe.write.reset();
    EXPECT_EQ(::fcntl(pipe.read.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(read_all(pipe.read.get()), "text");
}

TEST(PseudoTerminal, TranslatesNothing) {
    const auto pair = make_pseudo_terminal();
    EXPECT_EQ(::isatty(pair.terminal.get()), 1);
    for (const auto& [from, to] : {std::pair{pair.controller.get(), pair.terminal.get()},
                                   std::pair{pair.terminal.get(), pair.controller.get()}}) {
        write_all(from, "\r\n\x03x");
        std::string got(4, '\0');
        EXPECT_EQ(::read(to, got.data(), got.size()), 4);
        EXPECT_EQ(got, "\r\n\x03x");
    }
}

TEST(SignalPipe, CollectsSignalsAndRestoresTheirHandlers) {
    const auto before = std::signal(SIGHUP, SIG_IGN);
    {
        SignalPipe signals;
        EXPECT_EQ(signals.next(), std::nullopt);
        (void)std::raise(SIGTERM);
        (void)std::raise(SIGHUP);  // is still ignored
        EXPECT_EQ(signals.next(), SIGTERM);
        EXPECT_EQ(signals.next(), std::nullopt);
    }
    struct sigaction action {};
    ::sigaction(SIGTERM, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
    (void)std::signal(SIGHUP, before);
}

TEST(MemoryFile, HasExtentsWhereItWasWritten) {
    constexpr off_t mebibyte = 1 << 20;
    const auto file = memory_file("sparse");
    EXPECT_THAT(extents_with_data(file.get()), testing::IsEmpty());
    ASSERT_EQ(::ftruncate(file.get(), 16 * mebibyte), 0);
    EXPECT_THAT(extents_with_data(file.get()), testing::IsEmpty());
    ASSERT_EQ(::pwrite(file.get(), "x", 1, 8 * mebibyte), 1);
    const auto extents = extents_with_data(file.get());
    ASSERT_EQ(extents.size(), 1U);
    EXPECT_LE(extents[0].offset, 8U * mebibyte);
    EXPECT_GT(extents[0].offset + extents[0].size, 8U * mebibyte);
    EXPECT_LE(extents[0].size, 2U * mebibyte) << "a file system may have large pages";
}

}  // namespace
}  // namespace gatecrash::posix
