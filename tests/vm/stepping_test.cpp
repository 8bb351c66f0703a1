// Compares both steppers with free runs: they must give the same memory and registers, and the boundaries that one
// counts by hand.
#include "vm/run_patiently.hpp"
#include "vm/stepping/stepper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "support/kvm_system.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::vm {
namespace {

using Addresses = std::vector<std::uint64_t>;
using Xbyak::Label;

void expect_equal(const Snapshot& free, const Snapshot& stepped) {
    const auto& a = free.regs;
    const auto& b = stepped.regs;
    EXPECT_EQ(std::memcmp(&a, &b, sizeof a), 0)
        << std::hex << "registers differ, free / stepped: rip " << a.rip << " / " << b.rip << " rflags " << a.rflags
        << " / " << b.rflags << " rsp " << a.rsp << " / " << b.rsp << " r11 " << a.r11 << " / " << b.r11;
    EXPECT_EQ(std::memcmp(&free.sregs, &stepped.sregs, sizeof(kvm_sregs)), 0) << "special registers differ";
    EXPECT_EQ(free.msrs, stepped.msrs);
    EXPECT_EQ(free.events.nmi.masked, stepped.events.nmi.masked);
    EXPECT_EQ(free.events.nmi.pending, stepped.events.nmi.pending);
}

/// An event, and the address of an instruction. The event lands before the first execution of that instruction.
struct LandAt {
    Event event;
    std::uint64_t address;
};

/// Steps the guest to its end, then runs it freely from where the event landed, and expects the same end. Returns
/// the boundaries.
Addresses expect_same_end(StepperKind kind, GuestCode& code, const std::vector<LandAt>& events = {}) {
    const auto image = code.build("test");
    Guest guest(kvm_system(), image);
    auto from = guest.snapshot();
    std::vector<Event> landed;  // the events that landed at `from`
    std::size_t landed_at = 0;
    auto todo = events;
    auto stepper = make_stepper(kind, guest);
    stepper->enter();
    Addresses boundaries;
    std::optional<Outcome> end;
    while (!end && boundaries.size() < 200) {
        boundaries.push_back(number(guest.rip()));
        for (auto event = todo.begin(); event != todo.end();) {
            if (event->address != boundaries.back()) {
                ++event;
                continue;
            }
            if (landed_at != boundaries.size()) {
                from = guest.snapshot();
                landed.clear();
                landed_at = boundaries.size();
            }
            guest.land(event->event);
            landed.push_back(event->event);
            event = todo.erase(event);
        }
        end = stepper->step().end;
    }
    stepper->leave();
    EXPECT_TRUE(todo.empty()) << "an event's address was never reached";
    EXPECT_TRUE(end) << "does not end\n" << guest.dump();
    const auto stepped = guest.snapshot();

    // On machines where a VM entry loses a shadow (behaviour shadow-over-entry), an interrupt of the host can change a
    // free run.
    std::optional<Outcome> free_end;
    for (int tries = 0; tries == 0 || (tries < 3 && !guest.memory().equals(stepped.pages)); ++tries) {
        guest.restore(from);
        for (const auto& event : landed) guest.land(event);
        free_end = run_patiently(guest);
    }
    EXPECT_EQ(free_end, end) << guest.dump();
    expect_equal(guest.snapshot(), stepped);
    EXPECT_TRUE(guest.memory().equals(stepped.pages)) << "memory differs";
    return boundaries;
}

class Stepping : public testing::TestWithParam<StepperKind> {
  protected:
    static Addresses expect_same_end(GuestCode& code, const std::vector<LandAt>& events = {}) {
        return vm::expect_same_end(GetParam(), code, events);
    }
};

TEST_P(Stepping, StopsAtEachInstruction) {
    GuestCode code;
    auto& k = code.kernel;
    k.mov(k.eax, 1);
    k.add(k.eax, 2);
    k.doorbell(GATECRASH_PORT_END);
    const auto start = GuestCode::kernel_text;
    EXPECT_EQ(expect_same_end(code), (Addresses{start, start + 5, start + 8}));
}

TEST_P(Stepping, LeavesNoTraceInPushedFlags) {
    GuestCode code;
    auto& k = code.kernel;
    k.pushfq();
    k.pop(k.rax);
    k.pushfq();
    k.doorbell(GATECRASH_PORT_END);
    EXPECT_EQ(expect_same_end(code).size(), 4U);
}

TEST_P(Stepping, FollowsInt1) {
    GuestCode code;
    auto& k = code.kernel;
    Label trap, invalid;
    k.bytes({0xf1});
    k.doorbell(GATECRASH_PORT_END);
    k.L(trap);
    k.iretq();
    // QEMU has no INT1 (behaviour dr6-of-int1).
    k.L(invalid);
    k.inc(k.qword[k.rsp]);
    k.iretq();
    code.handle(GATECRASH_VECTOR_DB, trap);
    code.handle(GATECRASH_VECTOR_UD, invalid);
    EXPECT_THAT(expect_same_end(code).size(), testing::AnyOf(3U, 4U));
}

TEST_P(Stepping, FollowsPopFlags) {
    GuestCode code;
    auto& k = code.kernel;
    k.push(0x402);
    k.popfq();
    k.nop();
    k.pushfq();
    k.doorbell(GATECRASH_PORT_END);
    EXPECT_EQ(expect_same_end(code).size(), 5U);
}

TEST_P(Stepping, FollowsABreakpointIntoItsHandlerAndBack) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.push(k.rax);
    k.pop(k.rax);
    k.iretq();
    k.L(start);
    k.int3();
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_BP, handler);
    EXPECT_EQ(expect_same_end(code).size(), 7U);
}

TEST_P(Stepping, FollowsAPageFaultIntoItsHandlerAndBack) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.add(k.qword[k.rsp + 8], 2);  // moves RIP past the two bytes of the faulting MOV
    k.add(k.rsp, 8);               // drops the error code
    k.iretq();
    k.L(start);
    k.xor_(k.eax, k.eax);
    k.mov(k.dword[k.rax], k.eax);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_PF, handler);
    EXPECT_EQ(expect_same_end(code).size(), 8U);
}

TEST_P(Stepping, StopsBetweenTheRoundsOfRep) {
    GuestCode code;
    auto& k = code.kernel;
    k.mov(k.rsi, GuestCode::data);
    k.lea(k.rdi, k.ptr[k.rsi + 64]);
    k.mov(k.ecx, 3);
    const auto copy = GuestCode::kernel_text + k.getSize();
    k.rep();
    k.movsb();
    k.doorbell(GATECRASH_PORT_END);
    const auto boundaries = expect_same_end(code);
    EXPECT_GE(std::count(boundaries.begin(), boundaries.end(), copy), 3);
}

/// Address 0 is not mapped. The handler of the fault makes the round the last one, and stores the pushed flags.
TEST_P(Stepping, FollowsAFaultOfRep) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.mov(k.ecx, 0);
    k.add(k.rsp, 8);  // the error code
    k.mov(k.rbx, k.ptr[k.rsp + 16]);
    k.iretq();
    k.L(start);
    k.mov(k.rsi, GuestCode::data);
    k.xor_(k.edi, k.edi);
    k.mov(k.ecx, 3);
    k.rep();
    k.movsb();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_PF, handler);
    const auto at = code.kernel_address(handler);
    const auto boundaries = expect_same_end(code);
    EXPECT_EQ(std::count(boundaries.begin(), boundaries.end(), at), 1);
}

TEST_P(Stepping, FollowsIretToUserCodeAndASoftwareInterruptBack) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    code.enter_user();
    k.L(handler);
    k.pushfq();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(0x40, handler);
    code.user.pushfq();
    code.user.pop(code.user.rbx);
    code.user.int_(0x40);
    EXPECT_EQ(expect_same_end(code).size(), 6U + 3 + 2);
}

TEST_P(Stepping, Follows32BitCode) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    code.enter_user(2, GATECRASH_USER32_CS);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_END);
    code.handle(0x40, handler);
    // INC ECX is a prefix in 64-bit code, and PUSHF pushes four bytes, here at the very end of the stack's page.
    code.user.bytes({0x41, 0x9c, 0x41, 0x58});
    code.user.int_(0x40);
    EXPECT_EQ(expect_same_end(code).size(), 6U + 5 + 1);
}

TEST_P(Stepping, FollowsAFaultInUserCode) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    code.enter_user(rflags_if | 2);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_GP, handler);
    code.user.cli();  // needs IOPL 3
    EXPECT_EQ(expect_same_end(code).size(), 6U + 1 + 1);
}

class SyscallStepping : public Stepping {
  protected:
    static void follow(std::uint64_t fmask) {
        GuestCode code;
        auto& k = code.kernel;
        Label entry, start;
        k.jmp(start);
        k.L(entry);
        k.pushfq();
        k.add(k.rsp, 8);
        k.sysretq();
        k.L(start);
        code.enable_syscall(entry, fmask);
        code.enter_user(rflags_if | 2);
        code.user.syscall();
        code.user.push(code.user.r11);
        code.user.pushfq();
        code.user.doorbell(GATECRASH_PORT_END);
        constexpr std::size_t set_up = 1 + 4 + 4 + 4 + 6;
        EXPECT_EQ(expect_same_end(code).size(), set_up + 1 + 3 + 3);
    }
};

TEST_P(SyscallStepping, FollowsSyscallAndSysret) { follow(rflags_if); }
TEST_P(SyscallStepping, FollowsSyscallAndSysretWhenFmaskClearsTf) { follow(rflags_if | rflags_tf); }

TEST_P(Stepping, FollowsAnNmiThroughItsHandler) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start, here;
    k.jmp(start);
    k.L(handler);
    k.pushfq();
    k.add(k.rsp, 8);
    k.iretq();
    k.L(start);
    k.nop();
    k.L(here);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    EXPECT_EQ(expect_same_end(code, {{Event::nmi(), code.kernel_address(here)}}).size(), 8U);
}

TEST_P(Stepping, FollowsExceptionsThatLandThroughTheirHandlers) {
    for (const auto event : {Event::db(), Event::mc(), Event::pf(), Event::pf(GuestCode::data)}) {
        GuestCode code;
        auto& k = code.kernel;
        Label handler, start, here, end;
        k.jmp(start);
        k.L(handler);
        if (event.kind == Event::Kind::pf) k.add(k.rsp, 8);
        k.pushfq();
        k.add(k.rsp, 8);
        k.iretq();
        k.L(start);
        k.mov(k.rsi, GuestCode::data);
        k.L(here);
        k.inc(k.qword[k.rsi]);
        k.jmp(end);  // QEMU clears RF, which a fault's IRET sets for one instruction, only with the next branch
        k.L(end);
        k.doorbell(GATECRASH_PORT_END);
        code.handle(event.vector, handler, event.kind == Event::Kind::pf ? 0 : GATECRASH_IST_DB);
        const auto at = code.kernel_address(here), h = code.kernel_address(handler);
        const auto boundaries = expect_same_end(code, {{event, at}});
        EXPECT_EQ(boundaries.size(), event.kind == Event::Kind::pf ? 10U : 9U);
        EXPECT_THAT(boundaries, testing::IsSupersetOf({at, h}));
    }
}

TEST_P(Stepping, DeliversALatchedNmiAfterTheIretThatUnmasksIt) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start, in_handler;
    k.jmp(start);
    k.L(handler);
    k.inc(k.rbx);
    k.L(in_handler);
    k.iretq();
    k.L(start);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    const auto h = code.kernel_address(handler), i = code.kernel_address(in_handler), s = code.kernel_address(start);
    EXPECT_EQ(expect_same_end(code, {{Event::nmi(), s}, {Event::nmi(), i}}),
              (Addresses{GuestCode::kernel_text, s, h, i, h, i, s, s + 1}));
}

TEST_P(Stepping, DeliversALatchedNmiOnTheHandlerOfTheIretThatFaults) {
    GuestCode code;
    auto& k = code.kernel;
    Label nmi, gp, start, second;
    k.jmp(start, Code::T_NEAR);
    k.L(nmi);
    k.inc(k.rbx);
    k.cmp(k.rbx, 2);
    k.je(second);
    k.mov(k.qword[k.rsp + 8], 0);
    k.iretq();  // CS 0: #GP
    k.L(second);
    k.mov(k.rcx, k.ptr[k.rsp]);
    k.iretq();
    k.L(gp);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    k.L(start);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    code.handle(GATECRASH_VECTOR_GP, gp);
    const auto handler = code.kernel_address(gp);
    Guest guest(kvm_system(), code.build("guest"));
    ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto begin = guest.snapshot();
    const auto stepper = make_stepper(GetParam(), guest);
    constexpr int often = 200;  // often enough to meet an interrupt of the host
    for (int i = 0; i < often; ++i) {
        guest.restore(begin);
        guest.land(Event::nmi());
        stepper->enter();
        EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
        guest.land(Event::nmi());
        Step step;
        while (!step.end && step.delivered != GATECRASH_VECTOR_GP) step = stepper->step();
        EXPECT_EQ(number(guest.rip()), handler);
        EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
        while (!step.end) step = stepper->step();
        stepper->leave();
        ASSERT_EQ(step.end, Outcome{Doorbell{GATECRASH_PORT_END}});
        ASSERT_EQ(guest.cpu().regs().rcx, handler);
    }
}

/// The trap flag stepper gives up before a POPF that sets TF. Whatever runs the guest from there, the NMI comes.
TEST(TrapFlagStepping, KeepsALatchedNmiWhereItGivesUp) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start, second;
    k.jmp(start);
    k.L(handler);
    k.inc(k.rbx);
    k.cmp(k.rbx, 2);
    k.je(second);
    k.push(rflags_tf | 2);
    k.popfq();
    k.L(second);
    k.iretq();
    k.L(start);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    Guest guest(kvm_system(), code.build("guest"));
    ASSERT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    guest.land(Event::nmi());
    const auto stepper = make_trap_flag_stepper(guest);
    stepper->enter();
    EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
    guest.land(Event::nmi());
    const auto step_to_popf = [&] {
        for (int i = 0; i < 20; ++i) (void)stepper->step();
    };
    EXPECT_THROW(step_to_popf(), CannotStep);
    stepper->leave();
    EXPECT_TRUE(guest.has_latched_nmi());
}

TEST_P(Stepping, DropsAThirdNmi) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start, second, third;
    k.jmp(start);
    k.L(handler);
    k.inc(k.rbx);
    k.L(second);
    k.nop();
    k.L(third);
    k.nop();
    k.iretq();
    k.L(start);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    const auto s = code.kernel_address(start);
    const std::vector<LandAt> three{
        {Event::nmi(), s}, {Event::nmi(), code.kernel_address(second)}, {Event::nmi(), code.kernel_address(third)}};
    EXPECT_EQ(expect_same_end(code, three).size(), 1U + 1 + 4 + 4 + 2);
}

TEST_P(Stepping, HoldsAnInterruptBackUntilAfterTheShadowOfSti) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.inc(k.rbx);
    k.iretq();
    k.L(start);
    k.sti();
    k.nop();  // executes in the shadow
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_DEFAULT_IRQ, handler);
    const auto h = code.kernel_address(handler), s = code.kernel_address(start);
    EXPECT_EQ(expect_same_end(code, {{Event::irq(), s}}),
              (Addresses{GuestCode::kernel_text, s, h, h + 3, s + 2, s + 3}));
}

TEST_P(Stepping, DeliversAnNmiAheadOfAnInterrupt) {
    GuestCode code;
    auto& k = code.kernel;
    Label irq, nmi, start, here;
    k.jmp(start);
    k.L(irq);
    k.mov(k.rcx, k.rbx);
    k.iretq();
    k.L(nmi);
    k.inc(k.rbx);
    k.iretq();
    k.L(start);
    k.sti();
    k.nop();
    k.L(here);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_DEFAULT_IRQ, irq);
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    const auto at = code.kernel_address(here), n = code.kernel_address(nmi), i = code.kernel_address(irq);
    EXPECT_EQ(expect_same_end(code, {{Event::irq(), at}, {Event::nmi(), at}}),
              (Addresses{GuestCode::kernel_text, at - 2, at, n, n + 3, i, i + 3, at, at + 1}));
}

TEST_P(Stepping, TakesMovSsAndTheNextInstructionAsOneStep) {
    GuestCode code;
    auto& k = code.kernel;
    k.mov(k.ax, k.ss);
    k.mov(k.ss, k.ax);
    k.pushfq();
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    EXPECT_EQ(expect_same_end(code).size(), 4U);
}

TEST_P(Stepping, StepsAnInstructionThatGoesToItself) {
    GuestCode code;
    auto& k = code.kernel;
    Label self;
    k.mov(k.ecx, 3);
    k.L(self);
    k.loop(self);
    k.doorbell(GATECRASH_PORT_END);
    const auto boundaries = expect_same_end(code);
    EXPECT_EQ(boundaries.back(), code.kernel_address(self) + 2);
}

TEST_P(Stepping, EndsAtHalt) {
    GuestCode code;
    code.kernel.nop();
    code.kernel.hlt();
    EXPECT_EQ(expect_same_end(code).size(), 2U);
}

/// Steps a guest that executes `before`, sets TF itself, and executes `traced`. Only stop bytes can step such a guest.
/// Its handler counts. Returns the number of boundaries.
std::size_t boundaries_of(void (*before)(Code&), void (*traced)(Code&)) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    before(k);
    k.push(rflags_tf | 2);
    k.popfq();
    traced(k);
    k.doorbell(GATECRASH_PORT_END);
    k.L(handler);
    k.inc(k.r15);
    k.iretq();
    code.handle(GATECRASH_VECTOR_DB, handler);
    return expect_same_end(StepperKind::stop_bytes, code).size();
}

/// The boundaries of PUSH, POPFQ and the doorbell; and those of an instruction that traps, with its handler.
constexpr std::size_t untraced = 3, traced = 3;

TEST(OwnTrapFlag, TrapsAfterEachInstruction) {
    const auto two_nops = [](Code& k) {
        k.nop();
        k.nop();
    };
    EXPECT_EQ(boundaries_of([](Code&) {}, two_nops), untraced + 2 * traced);
}

TEST(OwnTrapFlag, TrapsAfterEachRoundOfRep) {
    const auto before = [](Code& k) {
        k.mov(k.rdi, GuestCode::data);
        k.mov(k.byte[k.rdi], 1);  // avoids exits in a round: on Bochs they move the trap (behaviour tf-over-exit)
        k.mov(k.ecx, 3);
    };
    const auto store = [](Code& k) {
        k.rep();
        k.stosb();
    };
    EXPECT_EQ(boundaries_of(before, store), 3 + untraced + 3 * traced);
}

TEST(OwnTrapFlag, TrapsAfterAnInstructionThatGoesToItself) {
    const auto loop = [](Code& k) {
        Label self;
        k.L(self);
        k.loop(self);
    };
    EXPECT_EQ(boundaries_of([](Code& k) { k.mov(k.ecx, 3); }, loop), 1 + untraced + 3 * traced);
}

/// After an OUT that it emulates, KVM raises the trap of TF. The harness continues after a doorbell without KVM, so it
/// raises that trap itself.
TEST(OwnTrapFlag, TrapsAfterADoorbell) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    k.push(rflags_tf | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    const auto behind = GuestCode::kernel_text + k.getSize();
    k.doorbell(GATECRASH_PORT_FATAL);
    k.L(handler);
    k.mov(k.rbx, k.qword[k.rsp]);
    k.bytes({0x0f, 0x21, 0xf1});  // mov rcx, dr6
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_DB, handler);
    Guest guest(kvm_system(), code.build("doorbell"));
    EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_END}});
    EXPECT_EQ(guest.cpu().regs().rbx, behind);
    EXPECT_EQ(guest.cpu().regs().rcx, 0xffff4ff0U) << "BS, and nothing else";
}

/// On `intel`, a trap that a run leaves would otherwise hit the next run.
TEST(OwnTrapFlag, OfARunThatEndedDoesNotTrapInTheNext) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.push(rflags_tf | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_END);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_FATAL);
    code.handle(GATECRASH_VECTOR_DB, handler);
    Guest guest(kvm_system(), code.build("end"));
    EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto begin = guest.snapshot();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_END}});
        guest.restore(begin);
    }
}

INSTANTIATE_TEST_SUITE_P(Both, Stepping, testing::Values(StepperKind::trap_flag, StepperKind::stop_bytes),
                         [](const auto& info) {
                             return info.param == StepperKind::trap_flag ? "TrapFlag" : "StopBytes";
                         });
INSTANTIATE_TEST_SUITE_P(Both, SyscallStepping, testing::Values(StepperKind::trap_flag, StepperKind::stop_bytes),
                         [](const auto& info) {
                             return info.param == StepperKind::trap_flag ? "TrapFlag" : "StopBytes";
                         });

}  // namespace
}  // namespace gatecrash::vm
