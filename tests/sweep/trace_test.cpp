// Tests what a trace shows about each step.
#include <gmock/gmock.h>

#include <algorithm>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/kvm_system.hpp"
#include "support/trace_lines.hpp"
#include "sweep/replay.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::sweep {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> traced(const vm::Image& image, const std::string& schedule) {
    std::vector<std::string> lines;
    vm::Guest guest(kvm_system(), image);
    (void)replay(guest, parse_schedule(schedule), vm::StepperKind::trap_flag, lines_to(lines));
    return lines;
}

TEST(Trace, ShowsWhatEachStepChangesAndBreaks) {
    const auto lines =
        traced(vm::load_elf(cases::guest_of("swapgs", "flag-tested-in-ebx"), "swapgs/flag-tested-in-ebx"),
               "swapgs/flag-tested-in-ebx@nmi:entry_syscall");
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr("  entry_nmi+0x5 "), EndsWith("N--uU  jz nmi_from_kernel"))));
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr("  nmi_from_kernel  "), HasSubstr("push rdx  ; RSP=0xffffffff"))));
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr(" 0 nmi   N--uK  "), HasSubstr("  rdmsr  ; RAX=0x7654000 RDX=0x0"))));
    EXPECT_THAT(
        lines,
        Contains(StartsWith("!!! I2 (kernel GS): the IRETQ at nmi_iret returns to entry_syscall with GS base 0x")));
    EXPECT_THAT(lines,
                Contains(AllOf(StartsWith("=== vector 14 goes to entry_pf: "), HasSubstr(" on stack user, back to "),
                               EndsWith(", error code 0x2, CR2 0x7654008"))));
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("=== vector 14 "), HasSubstr(", error code 0x10, CR2 0x"),
                                      EndsWith(" (exception_body)"))));
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("=== vector 2 "), Not(HasSubstr("error code")))));
}

TEST(Trace, ShowsAGuestThatDiesBeforeItsFirstWindow) {
    vm::GuestCode code;
    auto& k = code.kernel;
    k.mov(k.ecx, 7);
    k.ud2();
    std::vector<std::string> lines;
    vm::Guest guest(kvm_system(), code.build("dies"));
    const auto trace = [&](const TraceSink& sink) {
        return replay(guest, parse_schedule("dies"), vm::StepperKind::trap_flag, sink);
    };
    EXPECT_THROW((void)trace(lines_to(lines)), vm::ImageError);
    ASSERT_GT(lines.size(), 1U);
    EXPECT_THAT(lines[1], HasSubstr("mov ecx, 0x7  ; RCX=0x7"));
    EXPECT_THAT(lines, Contains(StartsWith("=== vector 6 goes to kernel+0x")));
    EXPECT_EQ(lines.back(), "--- doorbell FATAL");
}

TEST(Trace, ShowsEveryNameOfAnAddress) {
    vm::GuestCode code;
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    const auto at = vm::Virtual{vm::GuestCode::kernel_text + code.kernel.getSize()};
    code.kernel.nop();
    code.kernel.doorbell(GATECRASH_PORT_END);
    code.kernel.doorbell(GATECRASH_PORT_DONE);
    auto image = code.build("names");
    image.symbols = vm::SymbolTable({{"first", at}, {"second", at}, {"later", vm::Virtual{number(at) + 1}}});
    const auto lines = traced(image, "names");
    const auto names = std::ranges::find(lines, "       first, second:");
    ASSERT_NE(names, lines.end());
    EXPECT_THAT(*std::next(names), HasSubstr("  first  "));
    EXPECT_THAT(lines, Not(Contains(HasSubstr("later:"))));
}

TEST(Trace, ShowsWhatTheLogProvesAtItsInstruction) {
    const auto lines = traced(vm::load_elf(cases::guest_of("nested-ticks", "enables-interrupts"), "nested-ticks"),
                              "nested-ticks@irq=0x80:user_site,irq=0x80:interrupts_on,irq=0x80:interrupts_on");
    const auto broken =
        std::ranges::find_if(lines, [](const auto& line) { return line.starts_with("!!! I5 (event conservation): "); });
    ASSERT_NE(broken, lines.end());
    EXPECT_THAT(*broken, HasSubstr("is entered inside itself: 3 run at once"));
    EXPECT_THAT(*std::prev(broken), HasSubstr("  log_record+")) << "where the body logs that it begins";
    EXPECT_EQ(std::ranges::count(lines, *broken), 1);
}

TEST(Trace, ShowsNothingThatAHalfWrittenRecordSeemsToProve) {
    const auto lines = traced(vm::load_elf(cases::guest_of("nested-nmi", "flag-only"), "nested-nmi/flag-only"),
                              "nested-nmi/flag-only@nmi:nmi_iret");
    std::vector<std::string> broken;
    std::ranges::copy_if(lines, std::back_inserter(broken), [](const auto& line) { return line.starts_with("!!! "); });
    EXPECT_THAT(broken, testing::ElementsAre(HasSubstr(" at nmi_iret returns a second time through the frame")));
}

TEST(Trace, ShowsWhatBecomesOfFrames) {
    const auto lines = traced(vm::load_elf(cases::guest_of("nested-nmi", "flag-only"), "nested-nmi/flag-only"),
                              "nested-nmi/flag-only@nmi:nmi_iret");
    const auto pushed = std::ranges::find_if(lines, [](const auto& line) { return line.starts_with("=== "); });
    ASSERT_GT(lines.end() - pushed, 6);
    EXPECT_THAT(*pushed, HasSubstr("frame F1 at "));
    EXPECT_THAT(*(pushed + 1), HasSubstr("  SS      0x2b"));
    EXPECT_THAT(*(pushed + 5), EndsWith("  user_window"));
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("*** the delivery of vector 2 at nmi_iret writes to frame F1 at "),
                                      HasSubstr("RIP was 0x400098 (user_window), and is 0x"))));
    EXPECT_THAT(lines, Contains(StartsWith("=== the IRET pops frame F2 at ")));
    EXPECT_THAT(lines, Contains(StartsWith("=== the IRET pops a copy of frame F3 at ")));
    EXPECT_THAT(lines, Contains(StartsWith("=== the IRET pops frame F3 a second time, at ")));
}

TEST(Trace, NamesWhatRegistersPointTo) {
    vm::GuestCode code;
    auto& k = code.kernel;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.rdi, vm::GuestCode::data + 8);
    k.mov(k.dword[k.rdi + 4], k.eax);
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    auto image = code.build("names");
    image.symbols = vm::SymbolTable({{"counters", vm::Virtual{vm::GuestCode::data}}});
    EXPECT_THAT(traced(image, "names"), Contains(EndsWith("mov [rdi+0x4], eax  ; [counters+0xc]")));
}

TEST(Trace, HasOneLineForAllIterationsOfARep) {
    vm::GuestCode code;
    auto& k = code.kernel;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.rdi, vm::GuestCode::data);
    k.mov(k.ecx, 5);
    k.rep();
    k.stosb();
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    const auto lines = traced(code.build("rep"), "rep");
    EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.find("stosb") != line.npos; }), 1);
    EXPECT_THAT(lines, Contains(HasSubstr("  5 iterations  ; RCX=0x0 RDI=0x")));
}

}  // namespace
}  // namespace gatecrash::sweep
