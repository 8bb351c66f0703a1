#include "bench/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace gatecrash::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Host : public testing::Test {
  protected:
    Host() {
        std::string name = testing::TempDir() + "/host-XXXXXX";
        root = ::mkdtemp(name.data());
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() override { std::filesystem::remove_all(root); }

    std::filesystem::path root;
};

void put(const std::filesystem::path& file, const std::string& content) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
}

TEST_F(Host, ReportsWhatDisturbsCycles) {
    EXPECT_THAT(disturbances(1, root), IsEmpty());
    put(root / "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
    put(root / "sys/devices/system/cpu/smt/active", "1\n");
    EXPECT_THAT(disturbances(1, root), ElementsAre(HasSubstr("governor powersave"), HasSubstr("SMT")));
    EXPECT_THAT(disturbances(0, root), ElementsAre(HasSubstr("SMT")));
    put(root / "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
    put(root / "sys/devices/system/cpu/smt/active", "0\n");
    EXPECT_THAT(disturbances(1, root), IsEmpty());
}

TEST_F(Host, ReportsAHypervisorAndAClockThatRunsAhead) {
    put(root / "proc/cpuinfo", "processor : 0\nflags\t\t: fpu hypervisor pcid\n");
    put(root / "sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    EXPECT_THAT(disturbances(0, root), ElementsAre(HasSubstr("turbo"), HasSubstr("itself a guest")));
    EXPECT_TRUE(has_cpu_flag("pcid", root));
    EXPECT_FALSE(has_cpu_flag("pci", root));
    EXPECT_FALSE(has_cpu_flag("processor", root));
}

TEST_F(Host, ReportsTheKindOfItsCore) {
    put(root / "sys/devices/cpu_core/cpus", "0-7,12\n");
    put(root / "sys/devices/cpu_atom/cpus", "8-11\n");
    for (const unsigned cpu : {0U, 7U, 12U})
        EXPECT_THAT(disturbances(cpu, root), ElementsAre(HasSubstr("this one is a cpu_core"))) << cpu;
    EXPECT_THAT(disturbances(11, root), ElementsAre(HasSubstr("this one is a cpu_atom")));
    EXPECT_THAT(disturbances(13, root), IsEmpty());
}

/// Another busy thread on the same CPU must get its turn, too.
TEST_F(Host, CountsHowOftenItsCpuWasTaken) {
    const PinnedThread pinned;
    if (!pinned.is_pinned()) GTEST_SKIP() << "this thread cannot be pinned";
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        while (!is_over) continue;
    });
    const auto before = involuntary_switches();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (involuntary_switches() == before && std::chrono::steady_clock::now() < deadline) continue;
    is_over = true;
    other.join();
    EXPECT_GT(involuntary_switches(), before);
}

TEST_F(Host, KnowsTheTimeThatWasStolen) {
    EXPECT_EQ(stolen_ticks(1, root), 0U);
    put(root / "proc/stat", "cpu  1 2 3 4 5 6 7 99 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 42 9 10\n");
    EXPECT_EQ(stolen_ticks(0, root), 8U);
    EXPECT_EQ(stolen_ticks(1, root), 42U);
    EXPECT_EQ(stolen_ticks(11, root), 0U);
}

TEST_F(Host, KeepsAThreadOnItsCpu) {
    const PinnedThread pinned;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(static_cast<unsigned>(::sched_getcpu()), pinned.cpu());
        if (i % 100 == 0) ::sched_yield();
    }
}

}  // namespace
}  // namespace gatecrash::bench
