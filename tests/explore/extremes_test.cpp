// How deep stacks and bodies get, as sweeps report it.
#include "gatecrash/explore/extremes.hpp"

#include <gmock/gmock.h>

#include "gatecrash/machine/tiny_guest.hpp"
#include "support/kvm_system.hpp"
#include "window.hpp"

namespace gatecrash::explore {
namespace {

using machine::Machine;
using machine::TinyGuest;
using testing::ElementsAre;
using testing::Pair;

TEST(Extremes, MeasureAStackDownToItsDeepestWord) {
    constexpr unsigned shallow = 3, deep = 200;
    TinyGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label again;
    for (unsigned i = 0; i < shallow; ++i) k.push(0x5a);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.ecx, deep - shallow);
    k.L(again);
    k.push(0x5a);
    k.dec(k.ecx);
    k.jnz(again);
    k.mov(k.rsp, TinyGuest::kernel_stack);
    k.doorbell(GATECRASH_PORT_END);
    auto image = guest.build("pushes");
    image.stacks = {{"task", TinyGuest::kernel_stack - GATECRASH_PAGE, TinyGuest::kernel_stack},
                    {"unused", TinyGuest::stack(0) - GATECRASH_PAGE, TinyGuest::stack(0)}};
    Machine machine(kvm_system(), std::move(image));
    EXPECT_EQ(run_patiently(machine), machine::Outcome{machine::Doorbell{GATECRASH_PORT_BEGIN}});
    Extremes extremes;
    StackMeter meter(machine.image());
    meter.look(machine, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", shallow * 8)));
    const auto begin = machine.snapshot();
    EXPECT_EQ(run_patiently(machine), machine::Outcome{machine::Doorbell{GATECRASH_PORT_END}});
    meter.look(machine, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", deep * 8)));
    machine.restore(begin);
    meter.look(machine, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", deep * 8))) << "the most of all runs";
    meter.restart();
    Extremes anew;
    meter.look(machine, anew);
    EXPECT_THAT(anew.stack_bytes, ElementsAre(Pair("task", shallow * 8)));
}

TEST(Extremes, DoNotDependOnEarlierRuns) {
    TinyGuest guest;
    auto& k = guest.kernel;
    k.mov(k.eax, 1);
    k.mov(k.qword[k.rsp - 3000], k.rax);  // far below all else
    k.doorbell(GATECRASH_PORT_BEGIN);
    auto image = guest.build("gap");
    image.stacks = {{"task", TinyGuest::kernel_stack - GATECRASH_PAGE, TinyGuest::kernel_stack}};
    Machine machine(kvm_system(), std::move(image));
    EXPECT_EQ(run_patiently(machine), machine::Outcome{machine::Doorbell{GATECRASH_PORT_BEGIN}});
    Extremes extremes;
    StackMeter(machine.image()).look(machine, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", 3000)));
}

TEST(Extremes, OfTwoPartsAreTheLargerOnes) {
    Extremes one{{{"task", 8}, {"nmi", 80}}, {{32, 2}}};
    one.include({{{"task", 16}, {"boot", 24}}, {{2, 1}, {32, 1}}});
    EXPECT_EQ(one, (Extremes{{{"boot", 24}, {"nmi", 80}, {"task", 16}}, {{2, 1}, {32, 2}}}));
}

}  // namespace
}  // namespace gatecrash::explore
