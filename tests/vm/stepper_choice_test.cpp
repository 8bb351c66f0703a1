// Tests which stepper a guest gets.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cases/registry.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/boot/image.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::vm {
namespace {

StepperKind kind_for(const Image& image, const std::vector<Event>& events = {Event::nmi()}) {
    EXPECT_EQ(stepper_for(image, events, StepperKind::stop_bytes), StepperKind::stop_bytes);
    return stepper_for(image, events, StepperKind::trap_flag);
}

Image image_of(const std::string& case_name, const std::string& variant) {
    return load_elf(cases::guest_of(case_name, variant), case_name + "/" + variant);
}

TEST(StepperChoice, IsStopBytesWhereTheTrapFlagCannotFollow) {
    const auto usual = image_of("nested-nmi", "copied-frame");
    EXPECT_EQ(kind_for(usual), StepperKind::trap_flag);
    EXPECT_EQ(kind_for(usual, {Event::nmi(), Event::watch(0x500fb0)}), StepperKind::stop_bytes);
    EXPECT_EQ(kind_for(image_of("nmi32", "reference")), StepperKind::stop_bytes);
    EXPECT_EQ(kind_for(image_of("shadow-stack", "reference")), StepperKind::stop_bytes);
}

/// All 64-bit guests of this kind have pages for shadow stacks. Only those that load CR4 can turn them on.
TEST(StepperChoice, DependsOnWhetherShadowStacksCanBeOn) {
    GuestCode with, without;
    with.enable_shadow_stacks();
    for (auto* code : {&with, &without}) code->kernel.doorbell(GATECRASH_PORT_END);
    EXPECT_EQ(kind_for(with.build("with")), StepperKind::stop_bytes);
    EXPECT_EQ(kind_for(without.build("without")), StepperKind::trap_flag);
}

}  // namespace
}  // namespace gatecrash::vm
