// Tests that a sweep which prunes equivalent schedules finds the same as a sweep that runs all schedules.
#include <gmock/gmock.h>

#include <string>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/swept_guest.hpp"

namespace gatecrash::sweep {
namespace {

using testing::IsEmpty;
using testing::Not;
using vm::Code;
using vm::Event;
using vm::GuestCode;
using Xbyak::Label;

SweepResult swept(const vm::Image& image, const SweepOptions& options) {
    vm::Guest guest(kvm_system(), image);
    return sweep(guest, options);
}

void expect_to_replay(const vm::Image& image, const Finding& finding) {
    vm::Guest guest(kvm_system(), image);
    const auto replayed = replay(guest, finding.schedule, vm::StepperKind::trap_flag);
    ASSERT_THAT(replayed.violations, Not(IsEmpty()));
    EXPECT_EQ(replayed.violations.front(), finding.violation);
}

/// Sweeps with and without pruning, expects equal findings, and returns the result with pruning.
SweepResult expect_pruning_to_lose_nothing(const vm::Image& image, SweepOptions options) {
    auto pruned = swept(image, options);
    options.prune = false;
    const auto whole = swept(image, options);
    EXPECT_GT(pruned.pruned, 0U);
    EXPECT_EQ(whole.pruned, 0U);
    EXPECT_EQ(whole.depth, pruned.depth);
    EXPECT_EQ(whole.boundaries, pruned.boundaries);
    // At length 1 every schedule is run or counted as pruned. A pruned schedule hides the longer ones that begin with
    // it.
    EXPECT_EQ(whole.levels[1].schedules, pruned.levels[1].schedules + pruned.levels[1].pruned);
    EXPECT_GT(whole.schedules, pruned.schedules);
    EXPECT_EQ(whole.findings.size(), pruned.findings.size());
    for (std::size_t i = 0; i < std::min(whole.findings.size(), pruned.findings.size()); ++i) {
        const auto &finding = whole.findings[i], &expected = pruned.findings[i];
        SCOPED_TRACE(to_string(expected.schedule));
        EXPECT_EQ(to_string(finding.schedule), to_string(expected.schedule));
        EXPECT_EQ(finding.violation, expected.violation);
        EXPECT_EQ(finding.schedules, expected.schedules);
        EXPECT_EQ(finding, expected);
    }
    if (!pruned.findings.empty()) {
        expect_to_replay(image, pruned.findings.front());
        expect_to_replay(image, pruned.findings.back());
    }
    return pruned;
}

constexpr std::uint8_t other_vector = 0x31;

struct Planted {
    std::uint8_t begin = GATECRASH_PORT_BEGIN;
    unsigned interrupts = 0;  ///< after this many, an NMI destroys RBX; 0: never
    bool knows_stacks = true;
};

/// Returns a guest with two windows of the same code. Interrupts are on in the middle of each, and RBX is live after
/// that.
vm::Image planted_windows(const Planted& asked) {
    GuestBuilder guest;
    guest.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](Code& k) {
        Label good;
        k.push(k.rax);
        k.mov(k.rax, GuestCode::data);
        k.cmp(k.byte[k.rax], asked.interrupts == 0 ? 0xff : asked.interrupts);
        k.jne(good);
        k.inc(k.rbx);
        k.L(good);
        k.pop(k.rax);
    });
    const auto count = [](Code& k) {
        k.push(k.rax);
        k.mov(k.rax, GuestCode::data);
        k.inc(k.byte[k.rax]);
        k.pop(k.rax);
    };
    guest.handler("irq", Event::irq().vector, 0, count);
    guest.handler("other", other_vector, 0, count);
    guest.start();
    for (const auto* const window : {"first", "second"}) {
        guest.window(
            window,
            [](Code& k) {
                k.nop();
                k.mov(k.ebx, 5);
                k.sti();
                k.nop();
                k.nop();
                k.cli();
                k.mov(k.rcx, k.rbx);
                k.mov(k.ebx, 0);
            },
            asked.begin);
    }
    auto image = guest.build("planted").image;
    if (!asked.knows_stacks) image.stacks.clear();
    return image;
}

SweepOptions with(std::vector<Event> events, unsigned depth, Shard shard = {}) {
    SweepOptions options;
    options.events = std::move(events);
    options.depth = depth;
    options.shard = shard;
    return options;
}

const std::vector all_interrupts{Event::nmi(), Event::irq(), Event::irq(other_vector)};

TEST(Pruning, FindsWhatAnInterruptThatWaitedLeavesForAnNmi) {
    const auto breaks = expect_pruning_to_lose_nothing(planted_windows({.interrupts = 1}), with(all_interrupts, 2));
    EXPECT_EQ(breaks.depth, 2U);
    EXPECT_THAT(breaks.findings, Not(IsEmpty()));
}

TEST(Pruning, FindsNothingWhereNothingIs) {
    EXPECT_THAT(expect_pruning_to_lose_nothing(planted_windows({}), with(all_interrupts, 2)).findings, IsEmpty());
}

TEST(Pruning, FindsWhatTwoInterruptsThatWaitedLeaveForAnNmi) {
    auto options = with({Event::irq(), Event::nmi()}, 3);
    options.window = {{"first", "second"}};
    const auto breaks = expect_pruning_to_lose_nothing(planted_windows({.interrupts = 2}), options);
    EXPECT_EQ(breaks.depth, 3U);
    EXPECT_THAT(breaks.findings, Not(IsEmpty()));
}

TEST(Pruning, LosesNothingAfterAnNmiThatOpensTheWindow) {
    for (const auto stepper : {vm::StepperKind::trap_flag, vm::StepperKind::stop_bytes}) {
        auto options = with({Event::nmi()}, 2);
        options.stepper = stepper;
        const Planted good{.begin = GATECRASH_PORT_BEGIN_NMI, .knows_stacks = false};
        EXPECT_THAT(expect_pruning_to_lose_nothing(planted_windows(good), options).findings, IsEmpty());
    }
}

TEST(Pruning, LosesNothingInAWindowOfSymbols) {
    for (const auto& window : {SymbolRange{"first", "second"}, SymbolRange{"nmi", "irq"}}) {
        auto options = with({Event::nmi(), Event::irq()}, 2);
        options.window = {window};
        (void)expect_pruning_to_lose_nothing(planted_windows({.begin = GATECRASH_PORT_BEGIN_NMI, .interrupts = 1}),
                                             options);
    }
}

struct Variant {
    const char* name;
    bool breaks;
};

class PruningOf : public testing::TestWithParam<Variant> {};

TEST_P(PruningOf, AVariantLosesNothing) {
    const std::string name = GetParam().name;
    const auto image = vm::load_elf(cases::guest_of("nested-nmi", name), "nested-nmi/" + name);
    constexpr Shard end_of_the_first_nmi{14, 40};
    const auto result = expect_pruning_to_lose_nothing(image, with({Event::nmi()}, 2, end_of_the_first_nmi));
    EXPECT_EQ(result.findings.empty(), !GetParam().breaks);
}

// In the designs of 2010, a latched NMI may wait for an IRET that faults.
INSTANTIATE_TEST_SUITE_P(NestedNmi, PruningOf,
                         testing::Values(Variant{"linus-2010", false}, Variant{"linus-2010-bare-fixup", true},
                                         Variant{"copied-frame-late-check", true}),
                         [](const auto& info) {
                             std::string name = info.param.name;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace gatecrash::sweep
