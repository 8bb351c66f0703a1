// Tests that the merged shards of a sweep equal the sweep.
#include <gmock/gmock.h>

#include <set>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/handler_body.hpp"
#include "support/kvm_system.hpp"
#include "sweep/sweep.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::sweep {
namespace {

using testing::IsEmpty;
using testing::Not;
using vm::Code;
using vm::Event;
using vm::GuestCode;
using Xbyak::Label;

void expect_same(const SweepResult& merged, const SweepResult& whole) {
    EXPECT_EQ(merged.boundaries, whole.boundaries);
    EXPECT_EQ(merged.schedules, whole.schedules);
    EXPECT_EQ(merged.pruned, whole.pruned);
    EXPECT_EQ(merged.depth, whole.depth);
    EXPECT_EQ(merged.levels, whole.levels);
    ASSERT_EQ(merged.findings.size(), whole.findings.size());
    for (std::size_t i = 0; i < merged.findings.size(); ++i) {
        const auto& finding = merged.findings[i];
        SCOPED_TRACE(to_string(finding.schedule));
        EXPECT_EQ(finding.schedule, whole.findings[i].schedule);
        EXPECT_EQ(finding.schedules, whole.findings[i].schedules);
        EXPECT_EQ(finding, whole.findings[i]);
    }
    EXPECT_EQ(merged, whole);
}

/// Sweeps `image` whole and in shards, pruned and not, and returns the pruned whole.
SweepResult expect_shards_to_be_the_sweep(const vm::Image& image, SweepOptions options,
                                          const std::vector<unsigned>& counts = {1, 2, 5}) {
    SweepResult pruned;
    for (const bool prune : {true, false}) {
        options.prune = prune;
        options.shard = {};
        vm::Guest guest(kvm_system(), image);
        const auto whole = sweep(guest, options);
        for (const unsigned count : counts) {
            SCOPED_TRACE(testing::Message() << count << (prune ? " shards" : " shards, not pruned"));
            std::vector<SweepResult> shards;
            for (unsigned index = 1; index <= count; ++index) {
                options.shard = {index, count};
                vm::Guest own(kvm_system(), image);
                shards.push_back(sweep(own, options));
                EXPECT_EQ(shards.back().shard, options.shard);
            }
            expect_same(merge(shards, options.max_findings), whole);
        }
        if (prune) pruned = whole;
    }
    return pruned;
}

/// Returns a guest with two windows of the same code. If `spoils`, its NMI handler destroys RBX, which is live only in
/// the middle.
vm::Image two_windows(bool spoils, std::uint8_t begin = GATECRASH_PORT_BEGIN) {
    GuestCode code;
    auto& k = code.kernel;
    Label nmi, start, first;
    k.jmp(start, Code::T_NEAR);
    k.L(nmi);
    emit_handler(k, GATECRASH_VECTOR_NMI, [&](Code& body) {
        if (spoils) body.inc(body.rbx);
    });
    k.L(start);
    code.load_segments();
    for (int i = 0; i < 2; ++i) {
        k.doorbell(begin);
        if (i == 0) k.L(first);
        for (std::uint64_t n = 0; n < Shard::block_size; ++n) k.nop();
        k.mov(k.ebx, 5);
        k.mov(k.rcx, k.rbx);
        k.mov(k.ebx, 0);
        k.doorbell(GATECRASH_PORT_END);
    }
    k.doorbell(GATECRASH_PORT_DONE);
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    auto image = code.build("windows");
    image.symbols = vm::SymbolTable(
        {{"nmi", vm::Virtual{code.kernel_address(nmi)}}, {"first", vm::Virtual{code.kernel_address(first)}}});
    return image;
}

SweepOptions landing(std::vector<Event> events, unsigned depth) {
    SweepOptions options;
    options.events = std::move(events);
    options.depth = depth;
    return options;
}

TEST(Shards, OfAGuestWithTwoWindowsAreItsSweep) {
    const auto holds = expect_shards_to_be_the_sweep(two_windows(false), landing({Event::nmi()}, 2));
    EXPECT_THAT(holds.findings, IsEmpty());
    const auto breaks = expect_shards_to_be_the_sweep(two_windows(true), landing({Event::nmi()}, 1));
    EXPECT_EQ(breaks.depth, 1U);
    EXPECT_GT(breaks.findings.size(), 2U);
}

TEST(Shards, CountWhatBreaksWithoutAnyEventOnce) {
    const auto whole =
        expect_shards_to_be_the_sweep(two_windows(false, GATECRASH_PORT_BEGIN_ROUND_TRIP), landing({Event::nmi()}, 1));
    EXPECT_EQ(whole.depth, 0U);
    EXPECT_EQ(whole.findings.size(), 1U);
}

TEST(Shards, StopAtTheSameFinding) {
    const auto image = two_windows(true);
    vm::Guest guest(kvm_system(), image);
    const auto all = sweep(guest, with({Event::nmi(), Event::irq(0x30)}, 1));
    ASSERT_GT(all.findings.size(), 3U);
    for (const std::uint64_t max : {std::size_t{1}, std::size_t{3}, all.findings.size(), all.findings.size() + 1}) {
        SCOPED_TRACE(testing::Message() << "at most " << max);
        auto options = with({Event::nmi(), Event::irq(0x30)}, 1);
        options.max_findings = max;
        const auto stopped = expect_shards_to_be_the_sweep(image, options, {2, 5});
        const bool is_cut = max <= all.findings.size();
        EXPECT_EQ(stopped.stopped_after, is_cut ? std::optional(max) : std::nullopt);
        EXPECT_EQ(stopped.boundaries, all.boundaries);
        ASSERT_EQ(stopped.findings.size(), std::min<std::size_t>(max, all.findings.size()));
        for (std::size_t i = 0; i < stopped.findings.size(); ++i) {
            EXPECT_EQ(stopped.findings[i].schedule, all.findings[i].schedule);
        }
        if (is_cut) {
            EXPECT_EQ(stopped.findings.back().schedules, 1U) << "the sweep ends with it";
        } else {
            EXPECT_EQ(stopped.findings, all.findings);
            EXPECT_EQ(stopped.schedules, all.schedules);
        }
    }
}

TEST(Shards, WithoutABlockEndWithTheFirstEvents) {
    auto options = with({Event::nmi()}, 3);
    options.shard = {90, 90};
    std::set<unsigned> levels;
    options.progress = [&](const Progress& progress) { levels.insert(progress.level); };
    std::vector<std::uint64_t> counted;
    options.counted = [&](std::uint64_t boundaries) {
        EXPECT_THAT(levels, IsEmpty()) << "before the first event";
        counted.push_back(boundaries);
    };
    vm::Guest guest(kvm_system(), two_windows(false));
    const auto nothing = sweep(guest, options);
    EXPECT_EQ(levels, std::set{1U});
    EXPECT_EQ(nothing.depth, 3U);
    EXPECT_EQ(nothing.schedules, 0U);
    EXPECT_GT(nothing.boundaries, 2 * Shard::block_size);
    EXPECT_EQ(counted, std::vector{nothing.boundaries});
}

class ShardsOf : public testing::TestWithParam<const char*> {};

TEST_P(ShardsOf, AVariantAreItsSweep) {
    const std::string name = GetParam();
    const auto image = vm::load_elf(cases::guest_of("nested-nmi", name), "nested-nmi/" + name);
    EXPECT_THAT(expect_shards_to_be_the_sweep(image, landing({Event::nmi(), Event::irq(0x30)}, 1), {3}).levels,
                Not(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(NestedNmi, ShardsOf, testing::Values("flag-only", "linus-2010-irq"), [](const auto& info) {
    std::string name = info.param;
    std::erase(name, '-');
    return name;
});

}  // namespace
}  // namespace gatecrash::sweep
