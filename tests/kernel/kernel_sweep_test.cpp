// Sweeps a kernel that nobody changed. Runs in an emulated machine that has it at /kernel, and its init program at
// /init.
#include "sweep/sweep.hpp"

#include <gmock/gmock.h>

#include "kernel/booted_kernel.hpp"

namespace gatecrash::kernel {
namespace {

using testing::IsEmpty;
using vm::Event;

/// Has one kernel for all tests.
class KernelSweep : public testing::Test {
  protected:
    static void SetUpTestSuite() { booted_ = std::make_unique<Booted>(); }
    static void TearDownTestSuite() { booted_.reset(); }
    static Booted& kernel() { return *booted_; }

    static sweep::SweepResult sweep_getpid(std::vector<Event> events, unsigned depth,
                                           std::vector<sweep::SymbolRange> window = {}) {
        sweep::SweepOptions options;
        options.events = std::move(events);
        options.depth = depth;
        options.window = std::move(window);
        auto subject = kernel().subject(options);
        return sweep::sweep(subject, options);
    }

  private:
    static inline std::unique_ptr<Booted> booted_;
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

}  // namespace
}  // namespace gatecrash::kernel
