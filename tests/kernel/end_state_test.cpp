// Compares the ends of two runs of a kernel that differ in one register.
#include "kernel/end_state.hpp"

#include <gmock/gmock.h>

#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Invariant;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Mode {
    std::uint64_t efer = 0;
};
constexpr Mode long_mode{vm::efer_lma}, legacy{};

/// Returns what compare_ends() finds if `change` is the only difference.
std::vector<sweep::Violation> found_after(Mode mode, void (*change)(CpuState&)) {
    CpuState then;
    then.sregs.efer = mode.efer;
    then.sregs.ds.selector = then.sregs.fs.selector = then.sregs.gs.selector = 0x23;
    auto now = then;
    change(now);
    return compare_ends(now, then);
}

MATCHER_P2(Breaks, invariant, text, "") {
    return arg.invariant == invariant && testing::ExplainMatchResult(HasSubstr(text), arg.message, result_listener);
}

TEST(EndState, HasTheNamesOfItsMode) {
    const auto change = [](CpuState& state) { state.regs.rcx = 7; };
    EXPECT_THAT(found_after(long_mode, change), ElementsAre(Breaks(Invariant::round_trip, "RCX is 0x7, and 0x0")));
    EXPECT_THAT(found_after(legacy, change), ElementsAre(Breaks(Invariant::round_trip, "ECX is 0x7, and 0x0")));
}

TEST(EndState, HasSelectorsInBothModes) {
    const auto change = [](CpuState& state) { state.sregs.ds.selector = 0x10; };
    for (const auto mode : {long_mode, legacy})
        EXPECT_THAT(found_after(mode, change), ElementsAre(Breaks(Invariant::round_trip, "DS is 0x10, and 0x23")));
}

TEST(EndState, HasBasesAndLimitsOfSegmentsInLegacyMode) {
    const auto base = [](CpuState& state) { state.sregs.ds.base = 0x1000; };
    EXPECT_THAT(found_after(long_mode, base), IsEmpty());
    EXPECT_THAT(found_after(legacy, base),
                ElementsAre(Breaks(Invariant::round_trip, "the base of DS is 0x1000, and 0x0")));
    const auto limit = [](CpuState& state) { state.sregs.fs.limit = 0xfff; };
    EXPECT_THAT(found_after(long_mode, limit), IsEmpty());
    EXPECT_THAT(found_after(legacy, limit), ElementsAre(Breaks(Invariant::round_trip, "the limit of FS is 0xfff")));
    // A null selector has none, whatever the CPU has kept.
    EXPECT_THAT(found_after(legacy, [](CpuState& state) { state.sregs.es.base = 0x1000; }), IsEmpty());
}

TEST(EndState, TakesFsAndGsOfLegacyModeForPerCpuData) {
    const auto fs = [](CpuState& state) { state.sregs.fs.base = 0x1000; };
    EXPECT_THAT(found_after(long_mode, fs), ElementsAre(Breaks(Invariant::round_trip, "FS base is 0x1000")));
    EXPECT_THAT(found_after(legacy, fs), ElementsAre(Breaks(Invariant::kernel_gs, "FS base is 0x1000")));
    const auto gs = [](CpuState& state) { state.sregs.gs.base = 0x1000; };
    EXPECT_THAT(found_after(long_mode, gs), ElementsAre(Breaks(Invariant::kernel_gs, "GS base is 0x1000")));
    EXPECT_THAT(found_after(legacy, gs), ElementsAre(Breaks(Invariant::kernel_gs, "GS base is 0x1000")));
    const auto null_gs = [](CpuState& state) {
        state.sregs.gs.selector = 0;
        state.sregs.gs.base = 0x1000;
    };
    EXPECT_THAT(found_after(legacy, null_gs), ElementsAre(Breaks(Invariant::round_trip, "GS is 0x0, and 0x23")));
}

}  // namespace
}  // namespace gatecrash::kernel
