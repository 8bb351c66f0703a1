// Tests that a sweep that resumes from a checkpoint gives the result of an uninterrupted sweep.
#include <gtest/gtest.h>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/kvm_system.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;

struct Asked {
    const char* name;
    const char* variant;
    std::vector<Event> events;
    unsigned depth;
    bool prune;
    Shard shard;  ///< has a block that takes a second
    std::uint64_t max_findings = 0;
};

class Checkpoints : public testing::TestWithParam<Asked> {};

SweepResult swept(const Asked& asked, SweepOptions options) {
    options.events = asked.events;
    options.depth = asked.depth;
    options.prune = asked.prune;
    options.shard = asked.shard;
    options.max_findings = asked.max_findings;
    vm::Guest guest(kvm_system(), vm::load_elf(cases::guest_of("nested-nmi", asked.variant), asked.variant));
    return sweep(guest, options);
}

TEST_P(Checkpoints, LoseNothing) {
    constexpr std::size_t every = 61;
    std::vector<Checkpoint> checkpoints;
    SweepOptions watched;
    watched.at_schedule = [&, count = std::size_t{0}](const std::function<Checkpoint()>& checkpoint) mutable {
        if (count++ % every == 0) checkpoints.push_back(checkpoint());
    };
    const auto whole = swept(GetParam(), watched);
    EXPECT_EQ(whole.stopped_after.value_or(0), GetParam().max_findings);
    EXPECT_EQ(checkpoints.size(), (whole.schedules + every - 1) / every);
    constexpr std::size_t tried = 4;
    for (std::size_t i = 0; i < checkpoints.size(); i += checkpoints.size() / tried + 1) {
        const auto& checkpoint = checkpoints[i];
        SweepOptions from;
        from.from = checkpoint;
        const auto rest = swept(GetParam(), from);
        EXPECT_EQ(rest.schedules, whole.schedules);
        EXPECT_EQ(rest.levels, whole.levels);
        EXPECT_EQ(rest, whole) << "from window " << checkpoint.next.window;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, Checkpoints,
    testing::Values(Asked{"WhatHolds", "copied-frame", {Event::nmi()}, 2, true, {14, 40}},
                    Asked{"WhatBreaks", "copied-frame-late-check", {Event::nmi()}, 2, true, {14, 40}},
                    Asked{"WhatStopsEarly", "single-stack", {Event::nmi()}, 1, false, {1, 2}, 20},
                    Asked{"TwoEvents", "linus-2010-irq", {Event::irq(), Event::nmi()}, 2, true, {14, 40}},
                    Asked{"WhatIsNotPruned", "flag-only", {Event::nmi()}, 1, false, {1, 2}},
                    Asked{"WhatIsNotPrunedBehindAnother", "copied-frame", {Event::nmi()}, 2, false, {14, 160}}),
    [](const auto& info) { return info.param.name; });

TEST(Budget, EndsASweepInItsOrder) {
    const Asked asked{"", "copied-frame", {Event::nmi()}, 2, true, {}};
    SweepOptions options;
    options.budget = 800;
    const auto cut = swept(asked, options);
    EXPECT_EQ(cut.schedules, 800U);
    ASSERT_TRUE(cut.not_exhaustive);
    EXPECT_EQ(cut.not_exhaustive->depth, 2U);
    EXPECT_EQ(cut.not_exhaustive->of, cut.boundaries);
    EXPECT_GT(cut.not_exhaustive->boundaries, 0U);
    EXPECT_LT(cut.not_exhaustive->boundaries, cut.boundaries);
    EXPECT_FALSE(cut.interrupted);
}

TEST(Budget, ThatIsEnoughChangesNothing) {
    const Asked asked{"", "flag-only", {Event::nmi()}, 1, true, {}};
    const auto whole = swept(asked, {});
    SweepOptions options;
    options.budget = whole.schedules;
    EXPECT_EQ(swept(asked, options), whole);
    options.budget = whole.schedules - 1;
    EXPECT_TRUE(swept(asked, options).not_exhaustive);
}

}  // namespace
}  // namespace gatecrash::sweep
