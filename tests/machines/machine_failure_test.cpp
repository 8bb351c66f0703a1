// Tests the messages when a part of the machine is missing, is damaged or dies.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "machines/run.hpp"
#include "support/command.hpp"

namespace gatecrash::machines {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<std::string> exit_seven = {"/bin/sh", "-c", "exit 7"};

/// Gives each test its own cache, so that damage does not affect other tests.
class MachineFailure : public testing::Test {
  protected:
    Result run(std::map<std::string, std::string> environment = {}) const {
        environment.emplace("GATECRASH_CACHE", cache());
        return run_machine(exit_seven, environment);
    }
    std::string cache() const { return (folder_.path() / "cache").string(); }
    /// Returns the folder of the only saved state.
    fs::path state() const {
        fs::path found;
        for (const auto& entry : fs::directory_iterator(cache())) {
            if (entry.is_directory()) {
                EXPECT_TRUE(found.empty()) << "more than one state";
                found = entry.path();
            }
        }
        return found;
    }

    TemporaryFolder folder_;
};

TEST_F(MachineFailure, ADamagedStateIsMadeAnew) {
    const auto first = run();
    EXPECT_EQ(first.code, 7);
    EXPECT_EQ(first.err, "gatecrash: booting the amd machine once (about 5 s)...\n");
    EXPECT_THAT(run().err, IsEmpty());

    {  // damages a byte of memory
        std::fstream memory(state() / "memory", std::ios::in | std::ios::out | std::ios::binary);
        memory.seekp(300'000'000).put('\x55');
    }
    const auto after_damage = run();
    EXPECT_EQ(after_damage.code, 7);
    EXPECT_THAT(after_damage.err, HasSubstr("made again"));
    EXPECT_THAT(run().err, IsEmpty());

    std::ofstream(state() / "devices", std::ios::in | std::ios::binary) << "nonsense";
    EXPECT_EQ(run().code, 7);
    fs::resize_file(state() / "memory", 4096);
    EXPECT_EQ(run().code, 7);
    EXPECT_THAT(run().err, IsEmpty());
}

TEST_F(MachineFailure, FourColdStartsBootOnce) {
    std::vector<std::unique_ptr<Command>> commands;
    commands.reserve(4);
    for (int i = 0; i < 4; ++i) {
        commands.push_back(std::make_unique<Command>(machine_run(exit_seven),
                                                     std::map<std::string, std::string>{{"GATECRASH_CACHE", cache()}}));
    }
    std::string messages;
    for (auto& command : commands) {
        const auto result = command->finish();
        EXPECT_EQ(result.code, 7);
        messages += result.err;
    }
    EXPECT_EQ(messages, "gatecrash: booting the amd machine once (about 5 s)...\n");
}

TEST_F(MachineFailure, AMissingQemuIsNamedWithItsRemedy) {
    const auto result = run({{"PATH", "/nowhere"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("qemu-system-x86_64"));
    EXPECT_THAT(result.err, HasSubstr("./dev setup"));
    EXPECT_THAT(result.err, HasSubstr("apt-get install qemu-system-x86"));
}

TEST_F(MachineFailure, AMissingKernelIsNamedWithItsRemedy) {
    const auto result = run({{"GATECRASH_KERNEL", "/nowhere/vmlinuz"}, {"GATECRASH_MODULES", "/nowhere"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("cannot read the kernel /nowhere/vmlinuz: No such file"));
    EXPECT_THAT(result.err, HasSubstr("./dev setup"));
}

TEST_F(MachineFailure, AKernelOfTheUsersHasToComeWithItsModules) {
    const auto usual = MachineFiles::from_environment();
    const auto kernel = folder_.path() / "my kernel", modules = folder_.path() / "its modules";
    fs::copy_file(usual.kernel, kernel);
    fs::copy(usual.modules, modules, fs::copy_options::recursive);
    const auto result = run({{"GATECRASH_KERNEL", kernel}, {"GATECRASH_MODULES", modules}});
    EXPECT_EQ(result.code, 7) << result.err;
    EXPECT_THAT(result.err, HasSubstr("booting the amd machine once"));

    const auto half = run({{"GATECRASH_KERNEL", kernel}});
    EXPECT_EQ(half.code, 3);
    EXPECT_THAT(half.err, HasSubstr("set both"));
}

TEST_F(MachineFailure, AFileThatIsNotAKernelIsNamed) {
    const auto kernel = folder_.file("kernel", "not a kernel");
    const auto result = run({{"GATECRASH_KERNEL", kernel}, {"GATECRASH_MODULES", "/nowhere"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("is not a Linux kernel"));
}

TEST_F(MachineFailure, AKernelThatDoesNotBootShowsItsConsole) {
    // This QEMU prints a message and ends, like one that cannot start a machine.
    fs::create_directories(folder_.path() / "bin");
    folder_.file("bin/qemu-system-x86_64", "#!/bin/sh\n[ \"$1\" = --version ] && echo QEMU 0 || echo the reason\n");
    fs::permissions(folder_.path() / "bin/qemu-system-x86_64", fs::perms::all);
    const auto result = run({{"PATH", (folder_.path() / "bin").string() + ":/usr/bin:/bin"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("the reason"));
}

TEST_F(MachineFailure, ACacheThatCannotBeMadeIsNamed) {
    const auto file = folder_.file("file", "x");
    const auto result = run({{"GATECRASH_CACHE", file + "/cache"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr(file));
    EXPECT_THAT(result.err, HasSubstr("GATECRASH_CACHE"));
}

TEST_F(MachineFailure, AProgramThatCannotRunIsNamed) {
    const auto result = run_machine({folder_.file("program", "neither a script nor a program")});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("cannot run"));
}

TEST_F(MachineFailure, AnEmulatorThatDiesIsNoticedAtOnce) {
    Command command(machine_run({"/bin/sh", "-c", "echo ready; while :; do :; done"}));
    command.wait_for_output("ready\n");
    const auto emulators = emulators_of(command.pid());
    ASSERT_THAT(emulators, SizeIs(1));
    const auto start = std::chrono::steady_clock::now();
    ::kill(emulators[0], SIGKILL);
    const auto result = command.finish();
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("the emulator of the amd machine ended"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(MachineFailure, AKernelPanicIsNoticedAtOnce) {
    const auto result = run_machine({"/bin/sh", "-c", "echo c > /proc/sysrq-trigger; while :; do :; done"});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("sysrq triggered crash"));
}

}  // namespace
}  // namespace gatecrash::machines
