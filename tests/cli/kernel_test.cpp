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
    EXPECT_EQ(run_image("legacy.elf").out, "multiboot: 96 MiB, ''\nbye\n");
    EXPECT_EQ(run_image("legacy-pse.elf").out, "multiboot2: 96 MiB, ''\nbye\n");
    EXPECT_EQ(run_image("legacy-pae.elf").out, "pvh: 96 MiB, ''\nbye\n");
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

    void use_irq_vector(const std::string& vector) {
        describe(R"({"nmi": {"counter": "nmis"}, "irq": {"vector": ")" + vector +
                 R"(", "counter": "irqs"}, "failures": ["panic"]})");
    }
    void describe(const std::string& text) { description_ = folder_.file("description.json", text); }

    ImageSweep() { use_irq_vector("0x30"); }

  private:
    TemporaryFolder folder_;
    std::string description_;
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
    expect("pvh.elf", "start..syscall_exit", "the window begins before the image switches to 64-bit mode");
    const auto spins = sweep("pvh.elf", {"--append", "spin"});
    EXPECT_EQ(spins.code, 2);
    EXPECT_THAT(spins.err, HasSubstr("after the window the image goes on and on"));
}

// --- 32-bit code -----------------------------------------------------------------------------------------------------

constexpr const char *int80 = "entry_int80..int80_exit", *fast_call = "entry_sysenter..sysenter_exit";

TEST_F(ImageSweep, HoldsIn32BitsWithEachPaging) {
    for (const auto* const name : {"legacy.elf", "legacy-pse.elf", "legacy-pae.elf"}) {
        for (const auto* const window : {int80, fast_call}) {
            const auto one = sweep(name, {"--events", "nmi,irq,db", "--json", "-"}, window);
            ASSERT_EQ(one.code, 0) << name << one.out << one.err;
            EXPECT_EQ(result_of(one)["boundaries"], 20);
            // Interrupts are on at five boundaries.
            EXPECT_EQ(result_of(one)["schedules"], 1 + 20 + 20 + 5);
        }
    }
}

TEST_F(ImageSweep, HoldsIn32BitsAcrossUserModeAndInPairs) {
    // On the way from one window to the other, the program runs, and a #GP and an INT of an exception's vector return.
    const auto whole = sweep("legacy-pae.elf", {"--events", "nmi,irq,db"}, "entry_int80..sysenter_exit");
    EXPECT_EQ(whole.code, 0) << whole.out << whole.err;
    const auto pairs = sweep("legacy.elf", {"--events", "nmi,irq,db", "--depth", "2", "--json", "-"}, int80);
    ASSERT_EQ(pairs.code, 0) << pairs.out << pairs.err;
    EXPECT_GT(result_of(pairs)["schedules"], 1000);
}

TEST_F(ImageSweep, CanGiveMoreMemoryThanTheEmulatedMachineHas) {
    const auto swept = sweep("legacy.elf", {"--memory", "3072"}, int80);
    EXPECT_EQ(swept.code, 0) << swept.out << swept.err;
}

TEST_F(ImageSweep, FindsAnNmiWithoutTheDsOfTheKernel) {
    // The program's DS is in use up to the MOV to DS, and after the POP of DS. There QEMU writes beyond the limit.
    const auto swept = sweep("nmi-without-ds.elf", {}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out,
                AllOf(HasSubstr("(7 further schedules of 1 event"),
                      HasSubstr("I5 (event conservation): nmi:entry_int80, +0x1, +0x2, +0x3, +0x5, +0xa, +0x27 (7"),
                      HasSubstr("nmi:int80_exit: 1 NMI arrived, and the kernel counted 0")));
}

TEST_F(ImageSweep, FindsAnNmiThatDoesNotRestoreDs) {
    // In between, the program's DS is on the stack.
    const auto swept = sweep("nmi-keeps-ds.elf", {}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out,
                AllOf(HasSubstr("(3 further schedules of 1 event"),
                      HasSubstr("I1 (round trip): nmi:entry_int80, +0x1, +0x27 (3 schedules)\n"),
                      HasSubstr("nmi:int80_exit: at the end of the window DS is 0x10, and 0x3b without events")));
}

TEST_F(ImageSweep, FindsAnNmiThatTakesTheFsOfTheUser) {
    // The program's FS is in use up to the MOV to FS, and after the POP of FS.
    const auto swept = sweep("nmi-fs-by-cs.elf", {}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out, AllOf(HasSubstr("(12 further schedules of 1 event"),
                                 HasSubstr("nmi:entry_int80, +0x1, +0x2, +0x3, +0x5, +0xa, +0xc, +0xe, +0x13, +0x25, "
                                           "+0x26, +0x27 (12 schedules)\n"),
                                 HasSubstr("nmi:int80_exit: 1 NMI arrived, and the kernel counted 0")));
}

TEST_F(ImageSweep, FindsAnInterruptThatClobbersARegister) {
    // Interrupts are delivered from the instruction after the one in the shadow of STI on, up to CLI.
    const auto swept = sweep("irq-clobbers.elf", {"--events", "irq"}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out, AllOf(HasSubstr("(4 further schedules of 1 event"),
                                 HasSubstr("I1 (round trip): irq:entry_int80+0x1d, +0x22 (2 schedules)\n"),
                                 HasSubstr("irq:handle_syscall, +0x2, +0x8 (3 schedules)"),
                                 HasSubstr("at the end of the window ECX is 0xfee000b0, and 0x")));
}

TEST_F(ImageSweep, LandsInterruptsOfThe8259) {
    // Line 8, of the slave. Interrupts are delivered at five boundaries, as those of the local APIC.
    use_irq_vector("0x28");
    const auto one = sweep("legacy-8259.elf", {"--events", "irq", "--json", "-"}, int80);
    ASSERT_EQ(one.code, 0) << one.out << one.err;
    EXPECT_EQ(result_of(one)["schedules"], 1 + 5);
    const auto two = sweep("legacy-8259.elf", {"--events", "irq,nmi,db", "--depth", "2"}, int80);
    EXPECT_EQ(two.code, 0) << two.out << two.err;
    const auto masked = sweep("legacy-8259.elf", {"--events", "irq=0x21"}, int80);
    EXPECT_EQ(masked.code, 2);
    EXPECT_THAT(masked.err, HasSubstr("no interrupt of vector 0x21 can arrive"));
}

TEST_F(ImageSweep, FindsAnInterruptOfThe8259ThatTheMasterTakesForUnhandled) {
    use_irq_vector("0x28");
    const auto swept = sweep("slave-only.elf", {"--events", "irq"}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out, AllOf(HasSubstr("(4 further schedules of 1 event"),
                                 HasSubstr("I5 (event conservation): the 8259 still has an interrupt that waits, or")));
}

TEST_F(ImageSweep, LandsTheInterruptOfAStoppedTimer) {
    describe(R"({"irq": {"vector": "0x20"}, "failures": ["panic"]})");
    const auto swept = sweep("legacy-8259.elf", {"--events", "irq", "--json", "-"}, int80);
    ASSERT_EQ(swept.code, 0) << swept.out << swept.err;
    EXPECT_EQ(result_of(swept)["schedules"], 1 + 5);
}

TEST_F(ImageSweep, FindsTheInstructionOfSysenterThatHasNoStack) {
    const auto swept = sweep("sysenter-stack.elf", {"--events", "nmi,db"}, fast_call);
    EXPECT_EQ(swept.code, 1) << swept.err;
    EXPECT_THAT(swept.out,
                AllOf(ContainsRegex("breaks I8 .* nmi:entry_sysenter\n"), HasSubstr("(1 further schedule of 1 event"),
                      HasSubstr("I8 (no unexpected vector): db:entry_sysenter: the kernel ended: a triple fault")));
}

TEST_F(ImageSweep, FindsTwoHandlersThatSaveARegisterInOnePlace) {
    EXPECT_EQ(sweep("static-save.elf", {"--events", "nmi,db"}, int80).code, 0);
    const auto swept = sweep("static-save.elf", {"--events", "nmi,db", "--depth", "2"}, int80);
    EXPECT_EQ(swept.code, 1) << swept.err;
    // The second event must land while the first handler has its own value in EBX. The program's EBX is in use before
    // the PUSH and after the POP.
    EXPECT_THAT(swept.out, AllOf(HasSubstr("(7 further schedules of 2 events"),
                                 HasSubstr("nmi:entry_int80,db:entry_nmi+0xc, +0x13 (2 schedules)"),
                                 HasSubstr("db:entry_int80,nmi:entry_db+0xc, +0xd (2 schedules)"),
                                 HasSubstr("nmi:int80_exit,db:entry_nmi+0xc, +0x13 (2 schedules)"),
                                 HasSubstr("db:int80_exit,nmi:entry_db+0xc, +0xd (2 schedules)")));
}

TEST_F(ImageSweep, ReplaysAFindingOf32Bits) {
    const auto replay = [&](const std::string& command, const std::string& name, const std::string& window,
                            const std::string& boundary, const Words& more) {
        Words words{command,         "--machine",   "amd",      "--image", TEST_IMAGES + name,
                    "--description", description(), "--window", window};
        words.insert(words.end(), more.begin(), more.end());
        words.push_back("kernel/test-image-" + name + "@" + boundary);
        return run_gatecrash(words);
    };
    const auto replayed = replay("replay", "nmi-keeps-ds.elf", int80, "nmi:int80_exit", {"--trace"});
    EXPECT_EQ(replayed.code, 1) << replayed.err;
    EXPECT_THAT(
        replayed.out,
        AllOf(HasSubstr("k/u: DS,"), HasSubstr(">>> nmi lands at int80_exit\n=== vector 2 goes to entry_nmi"),
              ContainsRegex("EFLAGS  0x[0-9a-f]+\n +0x[0-9a-f]+  CS      0x8  CPL 0\n"),
              HasSubstr(" N--uK  mov ds, bx  ; DS=0x10\n"), HasSubstr(" ---uK  pop ebx  ; ESP=0x"),
              HasSubstr("pop ds  ; ESP=0x"), ContainsRegex("\n +[./a-z]*kernel/image/legacy.S:[0-9]+\n"),
              ContainsRegex("  int80_exit +0 entry ---kK  iretd\n--- the kernel arrived at the end"),
              HasSubstr("breaks I1 (round trip): at the end of the window DS is 0x10, and 0x3b without events")));
    // A #GP has an error code and the words of another level. An INT with the vector of a #PF has no error code.
    const auto across = replay("replay", "legacy-pse.elf", "entry_int80..sysenter_exit", "nmi:user+0x6", {"--trace"});
    EXPECT_EQ(across.code, 0) << across.out << across.err;
    EXPECT_THAT(across.out,
                AllOf(ContainsRegex("goes to entry_gp: frame F[0-9]+ at 0x[0-9a-f]+ on stack entry, back to "
                                    "user[+]0x4, error code 0x6a\n"),
                      ContainsRegex("goes to entry_int14: frame F[0-9]+ at 0x[0-9a-f]+ on stack entry, back "
                                    "to user[+]0x8, CR2 0x[0-9a-f]+\n"),
                      ContainsRegex("  SS      0x23")));
    const auto told = replay("explain", "nmi-keeps-ds.elf", int80, "nmi:entry_int80", {});
    EXPECT_THAT(told.out, HasSubstr("From entry_nmi+0x8 on, DS is the kernel's."));
}

TEST_F(ImageSweep, RefusesWhatItCannotSweepIn32Bits) {
    const auto expect = [&](const std::string& name, const std::string& window, const std::string& message,
                            const std::string& event = "db") {
        const auto result = sweep(name, {"--events", event}, window);
        EXPECT_EQ(result.code, 2);
        EXPECT_THAT(result.err, HasSubstr(message));
    };
    expect("legacy-odd.elf", "code16..int80_exit", "the window begins in 16-bit code");
    expect("legacy-odd.elf", "moved..int80_exit", "the window begins in a segment with a base");
    expect("legacy-odd.elf", "user..int80_exit", "the window begins in user mode");
    expect("legacy-odd.elf", "entry_int80..user+0x6", "the window ends in user mode");
    expect("legacy-odd.elf", int80, "vector 2 has a task gate", "nmi");
    expect("legacy.elf", "start..int80_exit", "the image loads an IDT inside the window");
    EXPECT_EQ(sweep("legacy-odd.elf", {"--events", "db"}, int80).code, 0) << "#DB has an interrupt gate";
}

}  // namespace
}  // namespace gatecrash::cli
