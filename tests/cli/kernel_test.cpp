// Boots the tiny kernels of tests/kernel/image, as a user does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "support/amd.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

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

/// Sweeps the tiny kernel's system call: its entry, a function, and its exit.
class ImageSweep : public testing::Test {
  protected:
    [[nodiscard]] std::string description() const { return description_; }
    [[nodiscard]] Result sweep(const std::string& name, Words more, const std::string& window = usual_window) const {
        Words words{"--window", window, "--description", description_, "--quiet", "--jobs", "1"};
        words.insert(words.end(), more.begin(), more.end());
        return run_image(name, words);
    }

    static constexpr const char* usual_window = "entry_syscall..syscall_exit";

  private:
    TemporaryFolder folder_;
    std::string description_ = folder_.file("description.json", R"({"nmi": {"counter": "nmis"},
        "irq": {"vector": "0x30", "counter": "irqs"}, "failures": ["panic"]})");
};

json result_of(const Result& result) { return json::parse(result.out)["results"][0]; }

TEST_F(ImageSweep, HoldsWithEachEventAndInPairs) {
    const auto one = sweep("multiboot.elf", {"--events", "nmi,irq,db", "--json", "-"});
    ASSERT_EQ(one.code, 0) << one.err;
    const auto result = result_of(one);
    EXPECT_EQ(result["case"], "kernel/test-image-multiboot.elf");
    EXPECT_EQ(result["boundaries"], 15);
    // NMIs and #DBs land anywhere. Interrupts are on at four boundaries.
    EXPECT_EQ(result["schedules"], 1 + 15 + 15 + 4);
    const auto two = sweep("pvh.elf", {"--events", "nmi,irq,db", "--depth", "2", "--json", "-"});
    ASSERT_EQ(two.code, 0) << two.err;
    EXPECT_GT(result_of(two)["schedules"], 1000);
}

TEST_F(ImageSweep, FindsAnNmiOnTheStackOfTheUser) {
    const auto swept = sweep("no-ist.elf", {});
    EXPECT_EQ(swept.code, 1) << swept.err;
    // The stack pointer is the user's until the kernel has loaded its own, and after it has loaded the user's again.
    EXPECT_THAT(swept.out,
                AllOf(HasSubstr("the kernel ended: a triple fault"), HasSubstr("(4 further schedules of 1 event"),
                      HasSubstr("nmi:entry_syscall, +0x3, +0xc, +0x2b (4 schedules)\n"),
                      HasSubstr("nmi:syscall_exit: the kernel ended: a triple fault")));
}

TEST_F(ImageSweep, FindsAnNmiThatTakesTheGsBaseOfTheUser) {
    const auto swept = sweep("gs-by-cs.elf", {});
    EXPECT_EQ(swept.code, 1) << swept.err;
    // In the kernel, the GS base is the user's before the first SWAPGS and after the second one. The handler counts
    // elsewhere then.
    EXPECT_THAT(swept.out, AllOf(HasSubstr("(1 further schedule of 1 event"),
                                 HasSubstr("'kernel/test-image-gs-by-cs.elf@nmi:entry_syscall'\n"),
                                 HasSubstr("I5 (event conservation): nmi:syscall_exit: 1 NMI arrived")));
}

TEST_F(ImageSweep, ReplaysAFinding) {
    const auto found = sweep("gs-by-cs.elf", {"--seconds", "50"});
    EXPECT_THAT(found.out,
                HasSubstr("gatecrash replay --image " TEST_IMAGES "gs-by-cs.elf --description " + description() +
                          " --seconds 50 --window entry_syscall..syscall_exit "
                          "'kernel/test-image-gs-by-cs.elf@nmi:entry_syscall'"));
    const auto replayed = run_gatecrash({"replay", "--machine", "amd", "--image", TEST_IMAGES "gs-by-cs.elf",
                                         "--description", description(), "--seconds", "50", "--window", usual_window,
                                         "--trace", "kernel/test-image-gs-by-cs.elf@nmi:entry_syscall"});
    EXPECT_EQ(replayed.code, 1) << replayed.err;
    EXPECT_THAT(replayed.out,
                AllOf(HasSubstr(">>> nmi lands at entry_syscall\n=== vector 2 goes to entry_nmi"),
                      ContainsRegex(" on stack nmi, back to entry_syscall\n"), ContainsRegex("  entry_nmi +0 nmi  "),
                      ContainsRegex("\n +[./a-z]*kernel/image/kernel.S:[0-9]+\n"),
                      HasSubstr("breaks I5 (event conservation): 1 NMI arrived, and the kernel counted 0")));
    EXPECT_THAT(replayed.out, Not(ContainsRegex("(^|\n)@"))) << "addresses are for programs";
}

TEST_F(ImageSweep, IsTheSameInShards) {
    expect_merged_shards_to_be({"kernel", TEST_IMAGES "no-ist.elf", "--window", usual_window, "--description",
                                description(), "--events", "nmi,db", "--depth", "2"});
}

TEST_F(ImageSweep, RefusesAWindowThatTheImageDoesNotPass) {
    const auto expect = [&](const std::string& name, const std::string& window, const std::string& message) {
        const auto result = sweep(name, {}, window);
        EXPECT_EQ(result.code, 2);
        EXPECT_THAT(result.err, HasSubstr(message));
    };
    expect("pvh.elf", "entry_syscall..panic+0x4", "never arrives at the end of the window: it wrote 0x0");
    expect("pvh.elf", "panic+0x4..syscall_exit", "never arrives at the beginning of the window: it wrote 0x0");
    expect("pvh.elf", "start..syscall_exit", "the window begins in 32-bit code");
    const auto spins = sweep("pvh.elf", {"--append", "spin"});
    EXPECT_EQ(spins.code, 2);
    EXPECT_THAT(spins.err, HasSubstr("after the window the image goes on and on"));
}

}  // namespace
}  // namespace gatecrash::cli
