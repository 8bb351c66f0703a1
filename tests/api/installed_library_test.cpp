// Builds a KVM test as another project would: only with the files that `meson install` provides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(InstalledLibrary, BuildsAndRunsTheExample) {
    const auto succeed = [](const Words& words, const Environment& environment = {}) {
        const auto result = Command(words, environment).finish();
        EXPECT_EQ(result.code, 0) << result.out << result.err;
        return result.out;
    };
    const TemporaryFolder folder;
    const auto installed = folder.path() / "installed", project = folder.path() / "project", built = project / "build";
    (void)succeed({"meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", installed});
    fs::path package;
    for (const auto& entry : fs::recursive_directory_iterator(installed)) {
        if (entry.path().filename() == "gatecrash.pc") package = entry.path();
    }
    ASSERT_FALSE(package.empty());
    Environment environment{{"PKG_CONFIG_PATH", package.parent_path()}};
    // Without pkgconfig.relocatable, the pkg-config file of the build folder names the prefix.
    if (posix::read_file(package).find("pcfiledir") == std::string::npos) {
        environment["PKG_CONFIG_SYSROOT_DIR"] = installed;
    }

    fs::copy(KVM_TEST_EXAMPLE, project, fs::copy_options::recursive);
    (void)succeed({"meson", "setup", built, project}, environment);
    (void)succeed({"ninja", "-C", built});
    EXPECT_THAT(succeed({MACHINE_RUN, built / "kvm-test"}), HasSubstr("[  PASSED  ] 2 tests."));
}

}  // namespace
}  // namespace gatecrash::cli
