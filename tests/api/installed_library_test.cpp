// Builds a KVM test and an init program as another project would: only with the files that `meson install` provides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::string succeed(const Words& words, const Environment& environment = {}) {
    const auto result = Command(words, environment).finish();
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    return result.out;
}

/// Installs everything below `installed`, and returns the environment in which pkg-config finds it.
Environment install(const fs::path& installed) {
    (void)succeed({"meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", installed});
    fs::path package;
    for (const auto& entry : fs::recursive_directory_iterator(installed)) {
        if (entry.path().filename() == "gatecrash.pc") package = entry.path();
    }
    EXPECT_FALSE(package.empty());
    Environment environment{{"PKG_CONFIG_PATH", package.parent_path()}};
    // Without pkgconfig.relocatable, the pkg-config file of the build folder names the prefix.
    if (posix::read_file(package).find("pcfiledir") == std::string::npos) {
        environment["PKG_CONFIG_SYSROOT_DIR"] = installed;
    }
    return environment;
}

TEST(InstalledLibrary, BuildsAndRunsTheExample) {
    const TemporaryFolder folder;
    const auto project = folder.path() / "project", built = project / "build";
    const auto environment = install(folder.path() / "installed");

    fs::copy(KVM_TEST_EXAMPLE, project, fs::copy_options::recursive);
    (void)succeed({"meson", "setup", built, project}, environment);
    (void)succeed({"ninja", "-C", built});
    EXPECT_THAT(succeed({MACHINE_RUN, built / "kvm-test"}), HasSubstr("[  PASSED  ] 2 tests."));
}

TEST(InstalledHeader, CompilesTheExampleOfAnInitProgram) {
    const TemporaryFolder folder;
    const auto environment = install(folder.path() / "installed");
    // The source alone, so that the compiler cannot find the header of this tree.
    const auto source = folder.path() / "init.c", program = folder.path() / "my-init.elf";
    fs::copy(LINUX_WORKLOAD_EXAMPLE "/init.c", source);
    (void)succeed(
        {"/bin/sh", "-c",
         "cc -O2 -static $(pkg-config --cflags gatecrash-workload) " + source.string() + " -o " + program.string()},
        environment);
    EXPECT_THAT(succeed(gatecrash({"linux", "--machine", "amd", "--init", program, "--events", "nmi", "--window",
                                   "entry_SYSCALL_64,asm_exc_page_fault"})),
                AllOf(HasSubstr("linux/pipe "), HasSubstr("2 variants: 2 ok")));
}

TEST(InstalledFiles, AreAManualPageForEachCommandAndCompletionForShells) {
    const TemporaryFolder folder;
    (void)install(folder.path());
    std::map<std::string, fs::path> installed;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
        installed.emplace(entry.path().filename(), entry.path());
    }
    const auto expect_in = [&](const std::string& name, const std::string& where) {
        EXPECT_THAT(installed[name].parent_path(), testing::EndsWith(where)) << name;
    };
    expect_in("gatecrash.1", "share/man/man1");
    const auto help = run_gatecrash({"--help"}).out;
    const std::regex command("\n  ([a-z]+) ");
    for (std::sregex_iterator at(help.begin(), help.end(), command), end; at != end; ++at) {
        const auto page = "gatecrash-" + (*at)[1].str() + ".1";
        expect_in(page, "share/man/man1");
        EXPECT_THAT(posix::read_file(installed[page]), HasSubstr("\n.SH OPTIONS OF EVERY COMMAND\n"));
    }
    expect_in("_gatecrash", "share/zsh/site-functions");
    EXPECT_TRUE(std::ranges::any_of(fs::recursive_directory_iterator(folder.path()), [](const auto& entry) {
        return entry.path().string().ends_with("share/bash-completion/completions/gatecrash");
    }));
}

}  // namespace
}  // namespace gatecrash::cli
