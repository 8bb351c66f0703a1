// Tests the names of saved kernels.
#include "cli/saved_kernels.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

class SavedKernelKey : public testing::Test {
  protected:
    void TearDown() override { fs::remove_all(folder_); }

    std::string file(const std::string& name, const std::string& content) const {
        posix::write_file(folder_ / name, content);
        return folder_ / name;
    }

    std::string template_ = testing::TempDir() + "/kernels-XXXXXX";
    fs::path folder_ = ::mkdtemp(template_.data());
    KernelOptions options_{.kernel = file("kernel", "k"),
                           .symbols = std::nullopt,
                           .init = std::nullopt,
                           .cpu = "",
                           .append = "",
                           .memory = 128,
                           .pokes = {},
                           .ignored_memory = {},
                           .annotations = {}};
    KernelBooter booter_{.program = "p", .machine = "m"};
};

TEST_F(SavedKernelKey, ChangesWithEveryPart) {
    std::set<std::string> keys{saved_kernel_key(options_, booter_)};
    std::size_t count = 1;
    const auto add = [&](const KernelOptions& options, const KernelBooter& booter) {
        keys.insert(saved_kernel_key(options, booter));
        EXPECT_EQ(keys.size(), ++count);
    };
    for (const auto& member : {&KernelOptions::kernel, &KernelOptions::symbols, &KernelOptions::init}) {
        auto changed = options_;
        changed.*member = file("other", "o");
        add(changed, booter_);
    }
    auto changed = options_;
    changed.append = "pti=on";
    add(changed, booter_);
    changed = options_;
    changed.cpu = "intel";
    add(changed, booter_);
    changed = options_;
    changed.memory = 256;
    add(changed, booter_);
    for (const auto& member : {&KernelBooter::program, &KernelBooter::machine}) {
        auto booter = booter_;
        booter.*member += "x";
        add(options_, booter);
    }
    file("kernel", "another build");
    add(options_, booter_);
}

TEST_F(SavedKernelKey, StaysTheSameForWhatComesAfterTheBootAndForAnotherPath) {
    auto changed = options_;
    changed.pokes = {{"panic", 0, {0x90}}};
    changed.ignored_memory = {"last_nmi_rip"};
    changed.annotations = "vmlinux.o";
    changed.kernel = file("copy", "k");
    EXPECT_EQ(saved_kernel_key(changed, booter_), saved_kernel_key(options_, booter_));
}

}  // namespace
}  // namespace gatecrash::cli
