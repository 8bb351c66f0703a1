// Tests what a trace of a kernel shows about each step. Runs in an emulated machine that has the kernel at /kernel, and
// its init program at /kernel-test-init.
#include <gmock/gmock.h>

#include <algorithm>

#include "kernel/booted_kernel.hpp"
#include "support/trace_lines.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::kernel {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class KernelTraces : public WithKernel {
  protected:
    static std::vector<std::string> traced(const std::string& schedule) {
        const auto landings = sweep::parse_schedule("linux/getpid@" + schedule).landings;
        sweep::SweepOptions options;
        for (const auto& landing : landings) options.events.push_back(landing.event);
        std::vector<std::string> lines;
        (void)kernel().subject(options).replay(landings, lines_to(lines));
        return lines;
    }
};

TEST_F(KernelTraces, NameTheStackOfEachStep) {
    const auto lines = traced("nmi:entry_SYSCALL_64,db:default_get_nmi_reason");
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("    0  0x"), HasSubstr(" 3 user  "), HasSubstr("syscall"))));
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("=== vector 2 goes to asm_exc_nmi: "), HasSubstr(" on stack nmi, "))));
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("=== vector 1 goes to asm_exc_debug: "),
                                      HasSubstr(" on stack db, back to "), Not(HasSubstr("error code")))));
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr("  entry_SYSCALL_64 "), HasSubstr(" 0 user  --"))));
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr("  do_syscall_64 "), HasSubstr(" 0 task  "))));
    EXPECT_THAT(lines, Contains(AllOf(HasSubstr("  syscall_return_via_sysret+"), HasSubstr(" 0 entry "))));
    EXPECT_THAT(lines, Not(Contains(HasSubstr(" ?     "))));
}

TEST_F(KernelTraces, NameTheStackOfInterrupts) {
    const auto lines = traced("irq=0xfb:__x64_sys_getpid");
    EXPECT_THAT(lines, Contains(AllOf(StartsWith("=== vector 251 "), HasSubstr(" on stack task, "))));
    EXPECT_THAT(lines, Contains(HasSubstr(" 0 irq   ")));
    EXPECT_THAT(lines, Not(Contains(HasSubstr(" ?     "))));
    const auto from_user = traced("irq:0");
    EXPECT_THAT(from_user, Contains(AllOf(StartsWith("=== vector 253 "), HasSubstr(" on stack entry, back to 0x"))));
}

/// The second NMI waits for the IRET of the first one's handler, and comes before the interrupted instruction.
TEST_F(KernelTraces, ShowAnEventThatWaits) {
    const auto lines = traced("nmi:entry_SYSCALL_64,nmi:asm_exc_nmi");
    EXPECT_THAT(lines, Contains(">>> nmi lands at asm_exc_nmi (latched: it cannot be delivered yet)"));
    EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("=== the IRET pops "); }), 2);
    EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("=== vector 2 "); }), 2);
    EXPECT_EQ(
        std::ranges::count_if(lines, [](const auto& line) { return line.find("  entry_SYSCALL_64  ") != line.npos; }),
        1)
        << "the NMI comes in its place";
    EXPECT_THAT(lines, Not(Contains(HasSubstr(" a second time"))));
}

TEST_F(KernelTraces, NameWhereBranchesLead) {
    EXPECT_THAT(traced("nmi:entry_SYSCALL_64"), Contains(HasSubstr(" call paranoid_entry  ; RSP")));
}

}  // namespace
}  // namespace gatecrash::kernel
