// Tests the reported depth of stacks, and the reported nesting of bodies.
#include "sweep/extremes.hpp"

#include <gmock/gmock.h>

#include "support/kvm_system.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/run_patiently.hpp"

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;
using testing::Pair;
using vm::Guest;
using vm::GuestCode;

TEST(Extremes, MeasureAStackDownToItsDeepestWord) {
    constexpr unsigned shallow = 3, deep = 200;
    GuestCode code;
    auto& k = code.kernel;
    Xbyak::Label again;
    for (unsigned i = 0; i < shallow; ++i) k.push(0x5a);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.ecx, deep - shallow);
    k.L(again);
    k.push(0x5a);
    k.dec(k.ecx);
    k.jnz(again);
    k.mov(k.rsp, GuestCode::kernel_stack);
    k.doorbell(GATECRASH_PORT_END);
    auto image = code.build("pushes");
    image.stacks = {{"task", GuestCode::kernel_stack - GATECRASH_PAGE, GuestCode::kernel_stack},
                    {"unused", GuestCode::stack(0) - GATECRASH_PAGE, GuestCode::stack(0)}};
    Guest guest(kvm_system(), std::move(image));
    EXPECT_EQ(vm::run_patiently(guest), vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}});
    Extremes extremes;
    StackMeter meter(guest.image());
    meter.look(guest, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", shallow * 8)));
    const auto begin = guest.snapshot();
    EXPECT_EQ(vm::run_patiently(guest), vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}});
    meter.look(guest, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", deep * 8)));
    guest.restore(begin);
    meter.look(guest, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", deep * 8))) << "the most of all runs";
    meter.restart();
    Extremes anew;
    meter.look(guest, anew);
    EXPECT_THAT(anew.stack_bytes, ElementsAre(Pair("task", shallow * 8)));
}

TEST(Extremes, DoNotDependOnEarlierRuns) {
    GuestCode code;
    auto& k = code.kernel;
    k.mov(k.eax, 1);
    k.mov(k.qword[k.rsp - 3000], k.rax);  // far below all other data
    k.doorbell(GATECRASH_PORT_BEGIN);
    auto image = code.build("gap");
    image.stacks = {{"task", GuestCode::kernel_stack - GATECRASH_PAGE, GuestCode::kernel_stack}};
    Guest guest(kvm_system(), std::move(image));
    EXPECT_EQ(vm::run_patiently(guest), vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}});
    Extremes extremes;
    StackMeter(guest.image()).look(guest, extremes);
    EXPECT_THAT(extremes.stack_bytes, ElementsAre(Pair("task", 3000)));
}

TEST(Extremes, OfTwoPartsAreTheLargerOnes) {
    Extremes one{{{"task", 8}, {"nmi", 80}}, {{32, 2}}};
    one.include({{{"task", 16}, {"boot", 24}}, {{2, 1}, {32, 1}}});
    EXPECT_EQ(one, (Extremes{{{"boot", 24}, {"nmi", 80}, {"task", 16}}, {{2, 1}, {32, 2}}}));
}

}  // namespace
}  // namespace gatecrash::sweep
