// Measures the behaviours of the emulated machines (docs/reference/behaviours.md has their known gaps), and checks that
// a measurement notices a wrong guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "qualify/expected.hpp"
#include "qualify/legacy_code.hpp"
#include "qualify/probe.hpp"
#include "qualify/qualify.hpp"
#include "qualify/recording_code.hpp"
#include "support/kvm_system.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::qualify {

/// Prints a measurement in failures of GoogleTest.
void PrintTo(const Measurement& measurement, std::ostream* out) {
    *out << to_string(measurement.behaviour) << ": got \"" << describe(measurement.got) << "\", expected \""
         << describe(measurement.expected) << "\"";
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using vm::Code;

const Probe& probe_of(Behaviour behaviour) { return *std::ranges::find(probes(), behaviour, &Probe::behaviour); }

TEST(Measurement, FindsTheEmulatedMachineFit) {
    const auto failure = first_basic_failure(measure(kvm_system(), {.others = false, .stop_when_unfit = true}));
    EXPECT_FALSE(failure) << testing::PrintToString(*failure);
}

/// Lands the NMI as late as a hypervisor can make it come.
TEST(Measurement, NamesThePlaceOfALateNmi) {
    Bench bench(kvm_system());
    RecordingCode code;
    code.on(vectors::db, GATECRASH_IST_DB);
    code.on(vectors::nmi, GATECRASH_IST_NMI);
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    code.kernel.nop();
    code.end();
    const auto account = code.run(bench, [](vm::Guest& guest) {
        guest.land(vm::Event::db());
        const auto stepper = vm::make_stepper(vm::StepperKind::trap_flag, guest);
        vm::Walker walker(guest, *stepper);
        EXPECT_TRUE(walker.settle().delivered);
        EXPECT_FALSE(walker.step().end);
        guest.land(vm::Event::nmi());
    });
    EXPECT_EQ(code.tell(account), (Answer{Delivery{vectors::nmi, handler_of(vectors::db, 1)},
                                          Delivery{vectors::db, after(Mark::doorbell)}}));
}

std::vector<std::string> gaps_in(std::span<const Probe> table) {
    Bench bench(kvm_system());
    std::vector<std::string> gaps;
    for (const auto& probe : table) {
        const auto measurement = evaluate(probe, bench);
        if (measurement.ok) continue;
        gaps.push_back(std::string(to_string(measurement.behaviour)) + ": " + describe(measurement.got));
    }
    return gaps;
}

TEST(Measurement, FindsExactlyTheKnownGapsOfTheEmulatedMachine) {
    // Neither CPU has shadow stacks.
    const auto and_no_shadow_stacks = [](std::vector<std::string> gaps) {
        for (const auto* name : {"shadow-stacks", "shadow-stack-from-user", "shadow-stack-of-ist", "busy-shadow-stack",
                                 "shadow-stack-of-iret", "ssp-over-syscall"}) {
            gaps.push_back(std::string(name) + ": KVM offers no shadow stacks");
        }
        return gaps;
    };
    const std::vector<std::string> of_amd{
        "shadow-over-entry: vector 0x20, RIP in the shadow",
        "mov-ss-shadow: #DB, RIP after the MOV SS, then vector 0x40, RIP after the INT",
        "vc-injection: #VC's handler, without an error code",
        "breakpoint-from-outside: no event",
        "nested-data-breakpoint: not measured below another hypervisor",
        "guest-debug-sw-breakpoint: the guest's own handler is entered",
        "syscall-keeps-df: arrives with DF clear"};
    const std::vector<std::string> of_intel{
        "nmi-mask-over-entry: NMI, RIP after the doorbell, then #DB, RIP after the doorbell, then NMI, RIP after "
        "the doorbell",
        "exit-leaves-no-trap: #DB, RIP after the doorbell",
        "mov-ss-shadow: vector 0x40, RIP after the INT",
        "tf-in-fmask: #DB, RIP at the SYSCALL entry, CPL 0, DR6.BS",
        "tf-over-sysret: #DB, RIP after the first user instruction, CPL 3, DR6.BS",
        "smap: #GP, RIP at the MOV to CR4, error 0x0"};
    EXPECT_EQ(gaps_in(probes()), and_no_shadow_stacks(vm::cpu_vendor() == vm::Vendor::amd ? of_amd : of_intel));
}

// docs/explanation/machines.md explains each gap.
TEST(Facts, DifferFromTheManualExactlyWhereTheEmulatedMachineIsKnownTo) {
    if (vm::cpu_vendor() != vm::Vendor::amd) GTEST_SKIP() << "intel's are in tests/machines/intel_test.cpp";
    EXPECT_THAT(
        gaps_in(facts()),
        ElementsAre(
            // QEMU delays the trap of TF after every instruction with a shadow, and LSS has one there.
            "tf-over-sti: #DB, RIP one instruction after the STI, CPL 0, DR6.BS",
            "tf-over-lss: #DB, RIP one instruction after the LSS, CPL 0, DR6.BS",
            // This is the gap of mov-ss-shadow.
            "mov-ss-then-fault: #DB, RIP after the MOV SS, then #UD, RIP after the MOV SS",
            // KVM emulates SYSEXIT when the CPU raises #UD.
            "tf-over-sysexit: #DB, RIP at the first user instruction, CPL 3",
            // KVM 6.1 accepts the write of DEBUGCTL, but ignores it.
            "tf-with-btf: #DB, RIP one instruction after the POPF, CPL 0, DR6.BS",
            // QEMU 7.2 does not set RF in either.
            "rf-in-segment-fault-frames: #NP, RIP at the faulting IRET, RF clear, then #GP, RIP at the instruction, RF "
            "clear",
            "rf-between-iterations: #DB, RIP at the instruction, RF clear",
            // QEMU's SYSRET loads RF and VM, and neither VIF nor VIP.
            "sysret-clears-rf: vector 0x40, RIP after the INT",
            // QEMU has no INT1 and no DR7.GD.
            "dr6-of-int1: #UD, RIP at the INT1, CPL 0", "dr7-gd-clears-itself: no event; GD clear in the handler",
            "sysret-rflags: vector 0x40, RIP after the INT, RFLAGS 0x277ed7",
            // QEMU's SYSRET loads all of SS, as Intel's does.
            "sysret-ss-attributes: vector 0x40, RIP after the INT",
            // KVM lets guests write LSTAR directly on AMD, and QEMU does not check the value.
            "lstar-non-canonical: no event",
            // QEMU denies SYSENTER only to 64-bit code of an AMD CPU.
            "sysenter-compatibility-mode: arrives with CS 0x10, SS 0x18",
            // The cause is that of tf-over-sysexit.
            "sysexit-64: vector 0x40, RIP after the INT, CS 0x33, SS 0x3b, RSP from RCX",
            "sysexit-non-canonical: #GP, RIP at the SYSEXIT, CPL 0",
            // QEMU 7.2 clears the base, and has no CPUID leaf that says so.
            "null-selector-gs-base: the GS base becomes 0",
            // QEMU's IRET does not check RIP, so the fetch faults.
            "iret-non-canonical: #GP, RIP 0x800000000000, CPL 3",
            // QEMU 7.2 masks RSP unless operands have 64 bits, and the kernel's SS is NULL.
            "iret-16-bits: #PF, RIP at the return, CPL 0", "iret-32-bits: #PF, RIP at the return, CPL 0",
            "retf-16-bits: #PF, RIP at the return, CPL 0", "retf-32-bits: #PF, RIP at the return, CPL 0",
            // QEMU's far JMP takes an offset of 8 bytes on AMD, too, and does not look at it.
            "far-jump-64-bits: #PF, RIP 0x880001234, CS 0x10, SS 0x18",
            "far-jump-non-canonical: #GP, RIP 0x1000000880001234, error 0x0",
            // Without vNMI KVM steps over the IRET by TF itself, and takes the guest's trap for its own.
            "trap-before-nmi: NMI, RIP after the doorbell, then NMI, RIP after the doorbell",
            // QEMU's VMRUN loads DR7, but does not arm its breakpoints.
            "guest-debug-hw-breakpoint: runs on"));
}

int measured = 0;

/// Measures a guest that loops the first time, until an interrupt of the host ends it.
Answer loop_the_first_time(Bench& bench) {
    RecordingCode code;
    Xbyak::Label self;
    code.kernel.L(self);
    if (++measured == 1) code.kernel.jmp(self);
    code.end();
    return {Ended{code.boot(bench).run()}};
}

/// Gives a wrong answer the first time, for a reason that KVM's count does not show.
Answer wrong_the_first_time(Bench& bench) {
    RecordingCode code;
    if (++measured == 1) code.kernel.ud2();
    code.end();
    return code.tell(code.run(bench));
}

/// Is interrupted each time, and gives `of` answers in turn.
template <int of>
Answer loop_each_time(Bench& bench) {
    RecordingCode code;
    Xbyak::Label self;
    code.kernel.L(self);
    code.kernel.jmp(self);
    (void)code.boot(bench).run();
    return {NmisDelivered{static_cast<std::size_t>(measured++ % of)}};
}

TEST(Measurement, IsMadeAgainUntilAnUnexpectedAnswerComesTwice) {
    auto probe = probe_of(Behaviour::int3);
    probe.measure = wrong_the_first_time;
    probe.expected = always({Statement::no_event});
    Bench bench(kvm_system());
    measured = 0;
    const auto expected_at_last = evaluate(probe, bench);
    EXPECT_TRUE(expected_at_last.ok) << describe(expected_at_last.got);
    EXPECT_GE(measured, 2) << "more often, if the host interrupted one";
    // An unexpected answer must come twice as well.
    probe.expected = always({Statement::runs_on});
    measured = 0;
    EXPECT_EQ(describe(evaluate(probe, bench).got), "no event");
    EXPECT_EQ(measured, 3) << "#UD, and none twice";
}

TEST(Measurement, IsMadeAgainIfAnInterruptOfTheHostFellIntoIt) {
    if (vm::cpu_vendor() != vm::Vendor::amd) GTEST_SKIP() << "KVM counts few of them on Bochs";
    auto probe = probe_of(Behaviour::int3);
    Bench bench(kvm_system());
    const auto evaluate_as = [&](Answer (*measure)(Bench&)) {
        probe.measure = measure;
        measured = 0;
        return evaluate(probe, bench).got;
    };
    const auto counted = [](std::size_t count) { return Answer{NmisDelivered{count}}; };
    EXPECT_EQ(evaluate_as(loop_the_first_time), Answer{Ended{vm::Doorbell{GATECRASH_PORT_END}}});
    EXPECT_EQ(evaluate_as(loop_each_time<1>), counted(0));
    EXPECT_EQ(measured, 2);
    EXPECT_EQ(evaluate_as(loop_each_time<3>), counted(0));
    EXPECT_EQ(measured, 4) << "until one came twice";
    EXPECT_EQ(evaluate_as(loop_each_time<9>), counted(4));
    EXPECT_EQ(measured, 5);
}

TEST(Facts, AreMeasuredOnlyIfAskedFor) {
    const auto some = measure(kvm_system(), {.facts = false});
    EXPECT_EQ(some.size(), probes().size());
    const auto basics = measure(kvm_system(), {.others = false});
    EXPECT_LT(basics.size(), some.size());
}

TEST(WrongGuest, InLegacyModeIsRecognised) {
    Bench bench(kvm_system());
    LegacyCode code;
    code.place(at(Mark::ud2));
    code.kernel.ud2();
    EXPECT_EQ(describe(code.tell(code.run(bench))), "#UD, RIP at the UD2, CPL 0");

    LegacyCode user;
    user.enter_user(2);
    user.user_place(at(Mark::hlt));
    user.user.hlt();
    EXPECT_EQ(describe(user.tell(user.run(bench))), "#GP, RIP at the HLT, CPL 3");

    LegacyCode halted;
    halted.kernel.hlt();
    EXPECT_EQ(describe(halted.tell(halted.run(bench))), "HLT");

    LegacyCode fine;
    fine.end();
    EXPECT_EQ(describe(fine.tell(fine.run(bench))), "no event");
}

TEST(Measurement, ComesOutTheSameInTheTablesOrder) {
    const auto first = measure(kvm_system()), second = measure(kvm_system());
    const auto texts = manuals();
    ASSERT_EQ(first.size(), texts.size());
    ASSERT_EQ(second.size(), first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].behaviour, texts[i].behaviour);
        EXPECT_EQ(first[i].got, second[i].got) << to_string(first[i].behaviour);
    }
}

/// Judges a wrong guest as if it were the guest of the behaviour.
Measurement judge_as(Behaviour behaviour, Answer (*wrong)(Bench&)) {
    auto probe = probe_of(behaviour);
    probe.measure = wrong;
    Bench bench(kvm_system());
    auto measurement = evaluate(probe, bench);
    EXPECT_FALSE(measurement.ok);
    // The bench still works after that.
    EXPECT_TRUE(evaluate(probe_of(Behaviour::int3), bench).ok);
    return measurement;
}

TEST(WrongGuest, WithoutItsHandlerIsRecognised) {
    const auto measurement = judge_as(Behaviour::int3, [](Bench& bench) {
        RecordingCode code;
        code.kernel.int3();
        code.place(after(Mark::int3));
        code.end();
        return code.tell(code.run(bench));
    });
    EXPECT_EQ(describe(measurement.got), "#BP, RIP after the INT3, which was not expected");
}

TEST(WrongGuest, ThatDoesNothingIsRecognised) {
    const auto measurement = judge_as(Behaviour::software_interrupt, [](Bench& bench) {
        RecordingCode code;
        code.end();
        return code.tell(code.run(bench));
    });
    EXPECT_EQ(describe(measurement.got), "no event");
}

TEST(WrongGuest, WhoseNmiHandlerUnmasksEarlyIsRecognised) {
    const auto measurement = judge_as(Behaviour::nmi_delivery, [](Bench& bench) {
        RecordingCode code;
        code.on(GATECRASH_VECTOR_BP);
        code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&code](Code& k) {
            k.doorbell(GATECRASH_PORT_BEGIN);
            k.int3();  // its IRET unmasks NMIs
            code.place(in(Mark::handler));
        });
        code.kernel.doorbell(GATECRASH_PORT_BEGIN);
        code.place(after(Mark::doorbell));
        code.end();
        return code.tell(code.run(bench, [begins = 0](vm::Guest& guest) mutable {
            if (++begins <= 2) guest.land(vm::Event::nmi());
        }));
    });
    EXPECT_THAT(describe(measurement.got), testing::HasSubstr("NMI, RIP in the handler"));
}

TEST(WrongGuest, ThatHangsIsEnded) {
    const auto measurement = judge_as(Behaviour::int3, [](Bench& bench) {
        RecordingCode code;
        Xbyak::Label self;
        code.kernel.L(self);
        code.kernel.jmp(self);
        return code.tell(code.run(bench));
    });
    EXPECT_EQ(describe(measurement.got), "still running");
}

TEST(WrongGuest, ThatLoopsIsEnded) {
    const auto measurement = judge_as(Behaviour::int3, [](Bench& bench) {
        RecordingCode code;
        code.on(6);  // returns to the UD2
        code.kernel.ud2();
        return code.tell(code.run(bench));
    });
    EXPECT_THAT(describe(measurement.got), testing::EndsWith("and so on without end"));
}

TEST(WrongGuest, ThatTripleFaultsIsRecognised) {
    const auto measurement = judge_as(Behaviour::watchdog_ends_loop, [](Bench& bench) {
        RecordingCode code;
        code.kernel.ud2();
        auto& guest = code.boot(bench);
        auto sregs = guest.cpu().sregs();
        sregs.idt.limit = 0;
        guest.set_sregs(sregs);
        return code.tell(RecordingCode::run(guest));
    });
    EXPECT_EQ(describe(measurement.got), "triple fault");
}

TEST(Bench, ShowsEachGuestItsOwnMemory) {
    constexpr auto count = [](Bench& bench) {
        RecordingCode code;
        auto& k = code.kernel;
        k.mov(k.rbx, RecordingCode::scratch);
        k.inc(k.qword[k.rbx]);
        code.end();
        auto& guest = code.boot(bench);
        (void)run_bounded(guest);
        return RecordingCode::scratch_word(guest, 0);
    };
    Bench bench(kvm_system());
    EXPECT_EQ(count(bench), 1U);
    EXPECT_EQ(count(bench), 1U);
}

}  // namespace
}  // namespace gatecrash::qualify
