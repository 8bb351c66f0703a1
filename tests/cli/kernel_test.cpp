// Boots the tiny kernels of tests/kernel/image, as a user does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Result run_image(const std::string& name, Words more = {}) {
    Words words{"kernel", "--machine", "amd", TEST_IMAGES + name};
    words.insert(words.end(), more.begin(), more.end());
    return run_gatecrash(words);
}

TEST(KernelImage, RunsToItsEndWithEachHeader) {
    for (const std::string header : {"multiboot", "multiboot2", "pvh"}) {
        const auto result = run_image(header + ".elf", {"--append", "one two", "--memory", "64"});
        EXPECT_EQ(result.code, 0) << result.err;
        EXPECT_EQ(result.out, header + ": 64 MiB, 'one two'\nbye\n");
        EXPECT_THAT(result.err, HasSubstr(header + ".elf: the kernel wrote 0x0 to its exit port, at end_of_kernel+0x"));
    }
}

TEST(KernelImage, RunsToItsEndIn32Bits) {
    const auto result = run_image("32.elf", {"--good-exit", "0x10"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, "32 bits\n");
    EXPECT_THAT(result.err, HasSubstr("wrote 0x10 to its exit port, at end+0x"));
    EXPECT_EQ(run_image("flat.bin", {"--good-exit", "16"}).code, 0);
}

TEST(KernelImage, ThatEndsInAnotherWayIsReported) {
    const auto expect = [](const Words& words, int code, const std::string& message) {
        const auto result = run_image("pvh.elf", words);
        EXPECT_EQ(result.code, code) << result.err;
        EXPECT_THAT(result.err, HasSubstr(message));
        EXPECT_THAT(result.out, HasSubstr("bye\n"));
    };
    expect({"--append", "panic"}, 1, "the kernel wrote 0x3 to its exit port, at panic+0x");
    expect({"--append", "halt"}, 1, "it halted with interrupts off, at end_of_kernel+0x");
    expect({"--append", "triple-fault"}, 1, "a triple fault");
    expect({"--append", "spin", "--seconds", "2"}, 3, "has no end after 2 s: it runs at end_of_kernel+0x");
    expect({"--exit-port", "0x501"}, 1, "it halted with interrupts off");
}

}  // namespace
}  // namespace gatecrash::cli
