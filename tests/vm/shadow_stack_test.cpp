// Tests that SSP and the MSRs of shadow stacks are part of a guest's state. Most tests need a machine whose KVM offers
// shadow stacks; tests/machines/intel_sweep_test.cpp runs them on one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/ioctl.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/kvm_system.hpp"
#include "support/trace_lines.hpp"
#include "sweep/replay.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/state/control_state.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::vm {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr std::uint64_t user_end = GuestCode::user_shadow_stack, token = GuestCode::shadow_stack(0);
constexpr std::uint8_t vector = 0x40;
const Outcome end = Doorbell{GATECRASH_PORT_END};

/// User code that calls a function, with the window's begin in it. The function executes INT, whose handler calls
/// another function.
Image calls() {
    GuestCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Xbyak::Label start, handler, of_handler, of_user;
    k.jmp(start);
    k.L(handler);
    k.call(of_handler);
    k.iretq();
    k.L(of_handler);
    k.ret();
    k.L(start);
    code.handle(vector, handler);
    code.enable_shadow_stacks();
    code.enter_user();
    u.call(of_user);
    u.doorbell(GATECRASH_PORT_END);
    u.doorbell(GATECRASH_PORT_DONE);
    u.L(of_user);
    u.doorbell(GATECRASH_PORT_BEGIN);
    u.int_(vector);
    u.ret();
    return code.build("calls");
}

class ShadowStacks : public testing::Test {
  protected:
    void SetUp() override {
        if (!VirtualMachine(kvm_system()).cpu().has_shadow_stacks()) GTEST_SKIP() << "KVM offers no shadow stacks";
    }
};

TEST_F(ShadowStacks, ArePartOfASnapshot) {
    Guest guest(kvm_system(), calls());
    ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    auto begin = guest.snapshot();
    EXPECT_EQ(begin.msrs.ssp, user_end - 8);
    EXPECT_EQ(begin.msrs.pl0_ssp, token);
    EXPECT_EQ(begin.msrs.s_cet, 1U);
    ASSERT_EQ(run_patiently(guest), end);
    const auto first = guest.snapshot();
    EXPECT_EQ(first.msrs.ssp, user_end);
    EXPECT_EQ(first.msrs.pl3_ssp, user_end - 8) << "the INT left it there";

    guest.restore(begin);
    EXPECT_EQ(guest.shadow_stack_pointer(), user_end - 8);
    ASSERT_EQ(run_patiently(guest), end);
    EXPECT_EQ(guest.snapshot().msrs, first.msrs);
    EXPECT_TRUE(guest.memory().equals(first.pages));

    begin.msrs.ssp = user_end - 16;
    guest.restore(begin);
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_FATAL}}) << "the RET must raise #CP";
}

/// Returns SSP at each boundary from BEGIN to END.
std::vector<std::uint64_t> stepped(StepperKind kind) {
    Guest guest(kvm_system(), calls());
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto stepper = make_stepper(kind, guest);
    Walker walker(guest, *stepper);
    std::vector<std::uint64_t> pointers;
    for (std::optional<Outcome> outcome; !outcome; outcome = walker.step().end) {
        pointers.push_back(guest.shadow_stack_pointer());
    }
    return pointers;
}

TEST_F(ShadowStacks, AreFollowedByBothSteppers) {
    const auto pointers = stepped(StepperKind::trap_flag);
    EXPECT_EQ(stepped(StepperKind::stop_bytes), pointers);
    const std::set seen(pointers.begin(), pointers.end());
    EXPECT_EQ(seen, (std::set{user_end - 8, token, token - 8, user_end}));
}

/// User code that executes SYSCALL. The kernel's entry returns at once.
Image system_call() {
    GuestCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Xbyak::Label start, entry;
    k.jmp(start);
    k.L(entry);
    k.sysretq();
    k.L(start);
    code.enable_syscall(entry, rflags_tf);
    code.enable_shadow_stacks();
    code.enter_user();
    u.doorbell(GATECRASH_PORT_BEGIN);
    u.syscall();
    u.doorbell(GATECRASH_PORT_END);
    u.doorbell(GATECRASH_PORT_DONE);
    return code.build("system call");
}

/// The stepper changes FMASK for the step over SYSCALL.
TEST_F(ShadowStacks, LeaveFmaskAsItWas) {
    Guest guest(kvm_system(), system_call());
    ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto stepper = make_stepper(StepperKind::trap_flag, guest);
    Walker walker(guest, *stepper);
    std::optional<Outcome> outcome;
    for (int steps = 0; !outcome && steps < 10; ++steps) {
        // A sweep reads the MSRs at each boundary, too, since its snapshots have them.
        EXPECT_EQ(guest.msrs().fmask, rflags_tf) << "before step " << steps;
        outcome = walker.step().end;
    }
    EXPECT_EQ(outcome, end);
    EXPECT_EQ(guest.msrs().fmask, rflags_tf);
}

TEST_F(ShadowStacks, AreShownInTraces) {
    std::vector<std::string> lines;
    Guest guest(kvm_system(), calls());
    (void)sweep::replay(guest, sweep::parse_schedule("calls"), StepperKind::trap_flag, lines_to(lines));
    EXPECT_THAT(lines, Contains(HasSubstr(fmt::format("SSP={:#x}", token - 8))));
    EXPECT_THAT(lines, Contains(HasSubstr(fmt::format(", SSP {:#x}", token))));
    EXPECT_THAT(guest.dump(), HasSubstr(fmt::format("ssp {:x}", user_end)));
}

/// A sweep compares SSP at the end of each run.
TEST_F(ShadowStacks, AreComparedAtTheEnd) {
    Guest guest(kvm_system(), calls());
    ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto then = guest.snapshot();
    auto now = then;
    now.msrs.ssp -= 8;
    now.msrs.pl3_ssp -= 8;
    const auto found =
        differences({now.sregs, now.msrs, now.debug_registers}, {then.sregs, then.msrs, then.debug_registers});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_STREQ(found[0].name, "SSP");
}

TEST_F(ShadowStacks, AreGoneForTheNextGuest) {
    VirtualMachine machine(kvm_system());
    {
        Guest guest(machine, calls());
        ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    }
    GuestCode code;
    code.kernel.doorbell(GATECRASH_PORT_END);
    Guest next(machine, code.build("next"));
    Msrs values;
    read_msrs(next.cpu(), values);
    EXPECT_EQ(values, Msrs{});
}

/// Counts the ioctls that read or write SSP.
class Counting : public kvm::Shim {
  public:
    explicit Counting(int& count) : count_(count) {}
    int call(int fd, unsigned long request, void* argument, kvm_run& /*shared*/) override {
        count_ += request == KVM_GET_ONE_REG || request == KVM_SET_ONE_REG ? 1 : 0;
        return ::ioctl(fd, request, argument);
    }

  private:
    int& count_;
};

TEST(WithoutShadowStacks, NoIoctlIsForSsp) {
    int count = 0;
    auto system = kvm::System::open();
    system.put_between([&] { return std::make_unique<Counting>(count); });
    GuestCode code;
    code.write_msr(msr_fmask, 0);  // so MSRs are read after each run
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.doorbell(GATECRASH_PORT_END);
    Guest guest(system, code.build("none"));
    (void)run_patiently(guest);
    const auto begin = guest.snapshot();
    (void)run_patiently(guest);
    guest.restore(begin);
    EXPECT_EQ(run_patiently(guest), end);
    EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace gatecrash::vm
