#include "machines/libraries.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::ResultOf;

std::string name_of(const std::filesystem::path& path) { return path.filename().string(); }

TEST(Libraries, OfThisProcessAreItsLoaderAndWhatItIsLinkedWith) {
    const auto own = own_libraries();
    EXPECT_THAT(own, Contains(loader_of("/proc/self/exe")));
    EXPECT_THAT(own, Contains(ResultOf(name_of, "libc.so.6")));
    EXPECT_THAT(own, Contains(ResultOf(name_of, "libstdc++.so.6")));
    for (const auto& path : own) EXPECT_TRUE(std::filesystem::is_regular_file(path)) << path;
}

TEST(Libraries, TheLoaderAgreesWithWhatIsLoaded) {
    std::vector<std::string> own;
    std::vector<std::string> listed;
    for (const auto& path : own_libraries()) own.push_back(name_of(path));
    for (const auto& path : libraries_of("/proc/self/exe")) listed.push_back(name_of(path));
    EXPECT_THAT(own, IsSupersetOf(listed));
}

TEST(Libraries, AScriptHasNone) { EXPECT_THAT(libraries_of("/usr/bin/ldd"), IsEmpty()); }

TEST(Libraries, ReadsTheLoadersList) {
    EXPECT_THAT(parse_loader_list("\tlinux-vdso.so.1 (0x00007ffd)\n"
                                  "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n"
                                  "\tlibmy.so => /opt/my libs/libmy.so (0x00007f)\n"
                                  "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"),
                ElementsAre("/lib/x86_64-linux-gnu/libc.so.6", "/opt/my libs/libmy.so", "/lib64/ld-linux-x86-64.so.2"));
    EXPECT_THROW(parse_loader_list("\tlibmy.so => not found\n"), MachineError);
}

TEST(Libraries, NamesOnlyUnusualFoldersToTheLoader) {
    EXPECT_EQ(library_search_path({"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}), "");
    EXPECT_EQ(library_search_path({"/opt/a/l.so", "/lib/l.so", "/opt/b/l.so", "/opt/a/m.so"}), "/opt/a:/opt/b");
}

TEST(Libraries, AProgramRunsWithoutItsDebugInformation) {
    const auto whole = posix::read_file("/proc/self/exe");
    const auto image = without_debug_information(whole);
    EXPECT_LT(image.size(), whole.size());
    std::string path = testing::TempDir() + "/image-XXXXXX";
    {
        const posix::FileDescriptor fd(::mkstemp(path.data()));
        posix::write_all(fd.get(), image);
        ::fchmod(fd.get(), 0700);
    }
    EXPECT_EQ(std::system(("env -u GTEST_OUTPUT " + path + " --gtest_list_tests >/dev/null").c_str()), 0);
    ::unlink(path.c_str());
}

TEST(Libraries, WhatIsNoProgramKeepsEveryByte) {
    for (const std::string& text :
         {std::string(), std::string("#!/bin/sh\n"), std::string(ELFMAG), std::string(200, 'x')}) {
        EXPECT_EQ(without_debug_information(text), text);
    }
    auto truncated = posix::read_file("/proc/self/exe");
    truncated.resize(100);
    EXPECT_EQ(without_debug_information(truncated), truncated);
}

}  // namespace
}  // namespace gatecrash::machines
