// Sweeps a kernel that nobody changed. Runs in an emulated machine that has it at /kernel, and its init program at
// /kernel-test-init.
#include "sweep/sweep.hpp"

#include <gmock/gmock.h>

#include "kernel/booted_kernel.hpp"

namespace gatecrash::kernel {
namespace {

using testing::IsEmpty;
using vm::Event;

class KernelSweep : public WithKernel {
  protected:
    static sweep::SweepResult sweep_getpid(std::vector<Event> events, unsigned depth,
                                           std::vector<sweep::SymbolRange> window = {}) {
        sweep::SweepOptions options;
        options.events = std::move(events);
        options.depth = depth;
        options.window = std::move(window);
        auto subject = kernel().subject(options);
        return sweep::sweep(subject, options);
    }
};

std::vector<std::string> schedules_of(const sweep::SweepResult& result) {
    std::vector<std::string> schedules;
    for (const auto& finding : result.findings) schedules.push_back(to_string(finding.schedule));
    return schedules;
}

TEST_F(KernelSweep, HoldsWithAnEventAtEachBoundary) {
    const auto result = sweep_getpid({Event::nmi(), Event::irq(), Event::db()}, 1);
    EXPECT_THAT(schedules_of(result), IsEmpty());
    EXPECT_GT(result.boundaries, 200U);
    EXPECT_GT(2 * result.schedules, 3 * result.boundaries);
}

TEST_F(KernelSweep, HoldsWithTwoEventsInEntryText) {
    const auto result = sweep_getpid({Event::nmi(), Event::irq()}, 2, {{"__entry_text_start", "__entry_text_end", {}}});
    EXPECT_THAT(schedules_of(result), IsEmpty());
    EXPECT_GT(result.boundaries, 50U);
    EXPECT_GT(result.levels.at(2).schedules, 1000U);
}

/// Sweeps getpid with NMIs on a kernel that finds another CPU. Returns the trace of one of them.
std::string traced_on(const std::string& cpu) {
    Booted booted("", cpu);
    sweep::SweepOptions options;
    options.events = {Event::nmi()};
    auto subject = booted.subject(options);
    const auto result = sweep::sweep(subject, options);
    EXPECT_THAT(schedules_of(result), IsEmpty());
    EXPECT_GT(result.boundaries, 200U);
    std::string trace;
    (void)booted.subject(options).replay({{Event::nmi(), {.symbol = "entry_SYSCALL_64", .index = {}}}},
                                         {.receive = [&](const auto& item) { trace += to_string(item) + "\n"; }});
    return trace;
}

TEST(KernelCpu, WithoutFsgsbaseSwapsGs) {
    const auto trace = traced_on("no-fsgsbase");
    EXPECT_THAT(trace, testing::ContainsRegex(" paranoid_entry[+]0x[0-9a-f]+ +0 nmi   N--uK  swapgs\n"));
    EXPECT_THAT(trace, testing::Not(testing::HasSubstr("wrgsbase")));
}

TEST(KernelCpu, OfIntelGetsTheMitigationsForIntel) {
    const auto trace = traced_on("intel");
    EXPECT_THAT(trace, testing::ContainsRegex(" 3 user  --iuU  syscall "));  // page table isolation
    EXPECT_THAT(trace, testing::ContainsRegex(" 0 user  ---uU  verw "));     // MDS
}

}  // namespace
}  // namespace gatecrash::kernel
