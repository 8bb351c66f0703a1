// Tests the text of answers. tests/qualify/judgement_test.cpp shows that nothing depends on that text.
#include "qualify/answer.hpp"

#include <gtest/gtest.h>

#include <set>

#include "gatecrash/abi.h"
#include "qualify/expected.hpp"
#include "qualify/guest_to_step.hpp"

namespace gatecrash::qualify {
namespace {

TEST(Place, IsNamedByItsMark) {
    EXPECT_EQ(describe(Place(at(Mark::int3))), "at the INT3");
    EXPECT_EQ(describe(Place(in(Mark::handler))), "in the handler");
    EXPECT_EQ(describe(Place(where(Mark::if_set))), "where IF lets it in");
    EXPECT_EQ(describe(Place(after(Mark::sti))), "after the STI");
    EXPECT_EQ(describe(Place(after(Mark::sti, 1))), "one instruction after the STI");
    EXPECT_EQ(describe(Place(after(Mark::sti, 2))), "2 instructions after the STI");
    EXPECT_EQ(describe(handler_of(vectors::software)), "at the start of the handler of vector 0x40");
    EXPECT_EQ(describe(handler_of(vectors::db, 1)), "one instruction after the start of the handler of #DB");
    EXPECT_EQ(describe(Place(Unnamed{0x1234})), "0x1234");
}

TEST(Place, HasADifferentNameForEachMark) {
    std::set<std::string> names;
    for (auto mark = Mark{}; mark <= Mark::handler; mark = static_cast<Mark>(static_cast<unsigned>(mark) + 1)) {
        EXPECT_TRUE(names.insert(describe(Place(at(mark)))).second) << describe(Place(at(mark)));
    }
}

TEST(Answer, SaysWhereSspIs) {
    const ShadowStackPointer user{ShadowStackOf::user, 8};
    EXPECT_EQ(describe(Answer{ShadowStackSeen{{ShadowStackOf::pl0, 0}, true, user}}),
              "SSP at the token of PL0_SSP, token busy, PL3_SSP 8 bytes below the end of the user's");
    EXPECT_EQ(describe(Answer{ShadowStackSeen{{ShadowStackOf::ist, 24}, false}}),
              "SSP 24 bytes below the IST token, token free");
    EXPECT_EQ(describe(Answer{ShadowStackSeen{{ShadowStackOf::nobody, 0x1234}}}), "SSP 0x1234");
}

TEST(Answer, ReportsDeliveriesInTheirOrder) {
    EXPECT_EQ(describe(Answer{Statement::no_event}), "no event");
    EXPECT_EQ(describe(Answer{Delivery{vectors::nmi, after(Mark::doorbell)}, Delivery{vectors::irq, Unnamed{16}}}),
              "NMI, RIP after the doorbell, then vector 0x20, RIP 0x10");
    EXPECT_EQ(describe(Answer{Delivery{vectors::db,
                                       at(Mark::write),
                                       {.cpl = 3,
                                        .dr6 = dr6_b0 | dr6_bs,
                                        .error = 5,
                                        .cr2 = Known::right_address,
                                        .resume_flag = true,
                                        .selectors = Selectors{0x33, 0x2b},
                                        .rflags = 0x202,
                                        .rsp = Known::loaded_by_iret,
                                        .esp = Known::high_half_kernel,
                                        .stack = Stack::rsp0}}}),
              "#DB, RIP at the write, CPL 3, DR6.B0, DR6.BS, error 0x5, CR2 right, RF set, CS 0x33, SS 0x2b, RFLAGS "
              "0x202, RSP as IRET loaded it, ESP[31:16] of the kernel, on the stack of RSP0");
    EXPECT_EQ(describe(Answer{Delivery{vectors::pf, at(Mark::read), {.cr2 = Value(0x10U), .esp = Value(0x20U)}}}),
              "#PF, RIP at the read, CR2 0x10, ESP 0x20");
}

TEST(Answer, ReportsAnEndOtherThanEnd) {
    const Observation bp = Delivery{vectors::bp, at(Mark::int3)};
    const auto ended = [](const vm::Outcome& outcome) { return Observation(Ended{outcome}); };
    EXPECT_EQ(describe(Answer{ended(vm::Halted{})}), "HLT");
    EXPECT_EQ(describe(Answer{bp, ended(vm::TripleFault{})}), "#BP, RIP at the INT3, triple fault");
    EXPECT_EQ(describe(Answer{bp, ended(vm::Doorbell{GATECRASH_PORT_FATAL})}),
              "#BP, RIP at the INT3, which was not expected");
    EXPECT_EQ(describe(Answer{bp, ended(vm::Doorbell{GATECRASH_PORT_DONE})}),
              "#BP, RIP at the INT3, and so on without end");
    EXPECT_EQ(describe(Answer{Statement::doorbell_never_rings, ended(vm::TripleFault{})}),
              "the doorbell never rings, then triple fault");
}

TEST(Answer, ReportsWhatElseTheGuestSaw) {
    const struct {
        Answer answer;
        const char* text;
    } rows[]{
        {{Statement::write_exits, Statement::memory_changed}, "the write exits as MMIO, the memory has changed"},
        {{Statement::no_event, Statement::gd_clear_in_handler}, "no event; GD clear in the handler"},
        {{Statement::after_the_restore, Statement::no_event}, "after the restore: no event"},
        {{DoorbellRings{3}, Statement::no_event}, "the doorbell rings at CPL 3, then no event"},
        {{Stop{after(Mark::pushf)}, TrapFlagSeen{true, false}},
         "stops after the PUSHF, TF set in what it pushed, clear in KVM_GET_REGS"},
        {{Stop{after(Mark::popf)}, Statement::runs_on}, "stops after the POPF, then runs on"},
        {{DebugStop{vectors::bp, at(Mark::int3)}}, "KVM_EXIT_DEBUG of #BP at the INT3"},
        {{Arrival{.selectors = Selectors{8, 16}, .rcx = after(Mark::syscall)}},
         "arrives with CS 0x8, SS 0x10, RCX after the SYSCALL"},
        {{SyscallArrival{{16, 24}, Unnamed{0}, true, false}, SysretArrival{{0x33, 0x2b}, true}},
         "SYSCALL with CS 0x10, SS 0x18, RCX 0x0, R11 IF on, IF off; SYSRET with CS 0x33, SS 0x2b, IF on"},
        {{FlagsPopped{2, 0x247ed7}}, "pops 2 bytes, RFLAGS 0x247ed7"},
        {{SegmentsPushed{16, 0x2b, 0x3b}}, "pushes 16 bytes onto words of ones, which become 0x2b and 0x3b"},
        {{MissingCapabilities{}}, "all that are needed"},
        {{MissingCapabilities{{kvm::Capability::user_nmi, kvm::Capability::machine_check}}},
         "no KVM_CAP_USER_NMI and KVM_CAP_MCE"},
        {{SyncedParts{{}, 41}}, "none; RBX is 41 and not 42 after an INC"},
        {{RestoredRun{{Part::msrs, Part::nmi_mask}}}, "the restored run ends with other MSRs, NMI mask"},
        {{FreeRun{.ended = vm::Halted{}}}, "a free run ends with HLT"},
        {{FreeRun{.steps = 4, .differing = {Part::memory}}}, "after 4 steps a free run ends with other memory"},
        {{SteppedRun{.steps = instructions_to_step}}, "every instruction, the same end as a free run"},
        {{SteppedRun{.steps = 1, .ended = vm::Halted{}, .differing = {Part::registers}}},
         "1 steps for 36 instructions, then HLT, other registers at the end than a free run"},
        {{SteppedRun{}}, "no end, the same end as a free run"},
    };
    for (const auto& row : rows) EXPECT_EQ(describe(row.answer), row.text);
}

TEST(Answer, ThatIsOneOfSeveralIsShownWithTheOthers) {
    EXPECT_EQ(describe(Allowed{{Statement::upper_half_left}, {Statement::upper_half_zero}}), "left as it was | zero");
}

}  // namespace
}  // namespace gatecrash::qualify
