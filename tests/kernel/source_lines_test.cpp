#include "kernel/source_lines.hpp"

#include <gmock/gmock.h>

#include <system_error>

#include "cli/source_trace.hpp"
#include "kernel/kernel_files.hpp"
#include "kernel/kernel_trace.hpp"
#include "kernel/symbols.hpp"
#include "posix/file.hpp"

namespace gatecrash::kernel {
namespace {

using testing::Optional;

const std::string with_lines = SOURCE_LINES_ELF;

vm::Virtual address_of(const std::string& function) {
    const auto image = read_boot_image(bytes_of(posix::read_file(with_lines)), with_lines);
    return symbol_table(read_symbol_table(image)).find(function).value();
}

TEST(SourceLines, AreThoseOfTheDebugInformation) {
    const SourceLines lines(with_lines);
    ASSERT_FALSE(lines.empty());
    EXPECT_THAT(lines.at(address_of("first")), Optional(std::string("entry/first.c:20")));
    EXPECT_THAT(lines.at(address_of("second")), Optional(std::string("entry/second.c:30")));
    EXPECT_EQ(lines.at(vm::Virtual{0}), std::nullopt);
    EXPECT_EQ(lines.at(vm::Virtual{~std::uint64_t{0}}), std::nullopt);
}

TEST(SourceLines, AreMissingInAFileWithoutDebugInformation) {
    const auto memory = [](const std::string& content) {
        const auto file = posix::memory_file("test", content);
        return SourceLines(fmt::format("/proc/self/fd/{}", file.get())).empty();
    };
    EXPECT_TRUE(memory(elf_file("code")));
    EXPECT_TRUE(memory("ffffffff81000000 T _text\n"));
    EXPECT_TRUE(memory(""));
    EXPECT_THROW(SourceLines("/nonexistent/vmlinux"), std::system_error);
}

TEST(SourceTrace, HasALineWhereTheSourceChanges) {
    const auto first = cli::address_line(address_of("first")), second = cli::address_line(address_of("second"));
    const auto text = fmt::format("# header\n{0}\n0 push\n{0}\n1 mov\n{1}\n2 push\n{2}\n3 ?\n{1}\n4 mov\n{0}\n5 mov\n",
                                  first, second, cli::address_line(vm::Virtual{16}));
    const auto shown = [&](std::optional<SourceLines> lines) {
        std::string all;
        cli::SourceTrace trace(std::move(lines), [&](const std::string& line) { all += line; });
        trace.add(text);
        return all;
    };
    EXPECT_EQ(shown(SourceLines(with_lines)),
              "# header\n       entry/first.c:20\n0 push\n1 mov\n       entry/second.c:30\n2 push\n3 ?\n4 mov\n"
              "       entry/first.c:20\n5 mov\n");
    EXPECT_EQ(shown(std::nullopt), "# header\n0 push\n1 mov\n2 push\n3 ?\n4 mov\n5 mov\n");
}

TEST(SourceTrace, KeepsLinesThatOnlyLookLikeAnAddress) {
    const std::string text = "@ffffffff81c0126\n@ffffffff81c0126g\n\n    0  entry\n";
    std::string all;
    cli::SourceTrace trace(std::nullopt, [&](const std::string& line) { all += line; });
    trace.add(text);
    EXPECT_EQ(all, text);
}

}  // namespace
}  // namespace gatecrash::kernel
