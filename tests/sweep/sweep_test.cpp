// Tests that the sweep of a guest with one planted bug finds that bug, its place, and nothing else.
#include "sweep/sweep.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "support/swept_guest.hpp"
#include "support/trace_lines.hpp"

namespace gatecrash::sweep {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using vm::Code;
using vm::Event;
using vm::GuestCode;
using vm::StepperKind;
using Xbyak::Label;

using Emit = GuestBuilder::Emit;

/// Returns a guest with a window of a few instructions, two words on the stack, and an NMI handler that executes
/// `body`.
SweptGuest planted(const Emit& body, bool logs = true, std::uint8_t begin = GATECRASH_PORT_BEGIN) {
    GuestBuilder guest;
    if (logs) {
        guest.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, body);
    } else {
        guest.bare_handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](Code& k) {
            body(k);
            k.iretq();
        });
    }
    guest.bare_handler("pf", GATECRASH_VECTOR_PF, 0, [](Code& k) {
        emit_log(k, GATECRASH_LOG_FATAL, GATECRASH_VECTOR_PF, 3);
        k.doorbell(GATECRASH_PORT_FATAL);
    });
    guest.start();
    guest.code.kernel.push(1);
    guest.code.kernel.push(2);
    guest.window(
        "window",
        [](Code& k) {
            k.nop();
            k.nop();
            k.xor_(k.eax, k.eax);
        },
        begin);
    return guest.build("planted");
}

SweepOptions with_nmi(unsigned depth = 1) {
    SweepOptions options;
    options.events = {Event::nmi()};
    options.depth = depth;
    return options;
}

void nothing(Code&) {}

TEST(Sweep, HoldsForACorrectHandler) {
    const auto result = planted(nothing).sweep(with_nmi(2));
    EXPECT_THAT(result.findings, IsEmpty());
    EXPECT_EQ(result.depth, 2U);
    EXPECT_EQ(result.boundaries, 4U);  // NOP, NOP, XOR, OUT
    EXPECT_GT(result.schedules, 1U + 4U);
}

TEST(Sweep, FindsWhatARoundTripLosesWithoutAnyEvent) {
    // The window's XOR stands for an entry that loses a register each time.
    const auto code = planted(nothing, true, GATECRASH_PORT_BEGIN_ROUND_TRIP);
    const auto result = code.sweep(with_nmi());
    ASSERT_EQ(result.findings.size(), 1U);
    const auto& finding = result.findings.front();
    EXPECT_EQ(finding.violation.invariant, Invariant::round_trip);
    EXPECT_THAT(finding.violation.message, HasSubstr("RAX is 0x0, not "));
    EXPECT_THAT(finding.schedule.landings, IsEmpty());
    const auto replayed = code.replay(finding.schedule, StepperKind::trap_flag);
    ASSERT_THAT(replayed.violations, testing::Not(IsEmpty()));
    EXPECT_EQ(replayed.violations.front(), finding.violation);
}

struct Defect {
    const char* name;
    Invariant invariant;
    Emit body;
    bool logs = true;
};

class PlantedBug : public testing::TestWithParam<Defect> {};

TEST_P(PlantedBug, IsFoundAndReplays) {
    const auto code = planted(GetParam().body, GetParam().logs);
    const auto result = code.sweep(with_nmi());
    ASSERT_EQ(result.findings.size(), 4U);  // an NMI anywhere in the window
    const auto& first = result.findings.front();
    EXPECT_EQ(to_string(first.schedule), "planted@nmi:window");
    EXPECT_EQ(first.violation.invariant, GetParam().invariant) << first.violation.message;
    EXPECT_THAT(first.also, IsEmpty());
    for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        const auto replayed = code.replay(first.schedule, stepper);
        ASSERT_FALSE(replayed.violations.empty());
        EXPECT_EQ(replayed.violations.front(), first.violation);
    }
}

const Defect planted_bugs[]{
    {"AClobberedRegister", Invariant::round_trip, [](Code& k) { k.inc(k.rbx); }},
    {"AnUnbalancedSwapgs", Invariant::kernel_gs,
     [](Code& k) {
         // The two GS bases differ from the start.
         k.mov(k.ecx, 0xc0000102);
         k.rdmsr();
         k.mov(k.eax, 0x1000);
         k.wrmsr();
         k.swapgs();
         k.xor_(k.ecx, k.ecx);
         k.xor_(k.edx, k.edx);
     }},
    {"AChangedCr3", Invariant::page_tables,
     [](Code& k) {
         k.bytes({0x0f, 0x20, 0xd8});  // mov rax, cr3
         k.or_(k.eax, 8);              // PWT
         k.bytes({0x0f, 0x22, 0xd8});  // mov cr3, rax
     }},
    {"AnOverwrittenStack", Invariant::stack,
     [](Code& k) {
         k.mov(k.rax, GuestCode::kernel_stack - 8);
         k.mov(k.dword[k.rax], 7);
     }},
    {"ALostEvent", Invariant::event_conservation, nothing, false},
    {"AnEventHandledTwice", Invariant::event_conservation,
     [](Code& k) {
         emit_log(k, GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI);
         emit_log(k, GATECRASH_LOG_ENTER, GATECRASH_VECTOR_NMI);
     }},
    {"NmisLeftMasked", Invariant::nmi_mask,
     [](Code& k) {
         emit_log(k, GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI);
         // Returns by POPF and RET, not by IRET, so the CPU keeps masking NMIs.
         k.mov(k.rax, k.ptr[k.rsp + 24]);
         k.push(k.qword[k.rsp]);
         k.pop(k.qword[k.rax - 8]);
         k.push(k.qword[k.rsp + 16]);
         k.pop(k.qword[k.rax - 16]);
         k.lea(k.rsp, k.ptr[k.rax - 16]);
         k.mov(k.eax, GATECRASH_KERNEL_SS);  // some CPUs null SS when they go to an IST stack
         k.mov(k.ss, k.eax);
         k.popfq();
         k.ret();
     }},
    {"AnEndlessLoop", Invariant::progress,
     [](Code& k) {
         Label self;
         k.L(self);
         k.inc(k.al);
         k.jmp(self);
     }},
    {"AnInstructionThatGoesToItself", Invariant::progress,
     [](Code& k) {
         Label self;
         k.L(self);
         k.jmp(self);
     }},
    {"AHalt", Invariant::progress, [](Code& k) { k.hlt(); }},
    {"AnUnexpectedVector", Invariant::no_unexpected_vector, [](Code& k) { k.ud2(); }},
    {"ATripleFault", Invariant::no_unexpected_vector,
     [](Code& k) {
         // Without any entry in the IDT, the exception and its #DF fail, and the CPU shuts down.
         k.push(0);
         k.push(0);
         k.bytes({0x0f, 0x01, 0x1c, 0x24});  // lidt [rsp]
         k.int3();
     }},
    {"AWriteToText", Invariant::read_only_tables,
     [](Code& k) {
         k.mov(k.rax, GuestCode::kernel_text);
         k.mov(k.dword[k.rax], 7);
     }},
};

INSTANTIATE_TEST_SUITE_P(Sweep, PlantedBug, testing::ValuesIn(planted_bugs),
                         [](const auto& info) { return std::string(info.param.name); });

/// A body reports a breach that no check from outside can see, by a record of kind GATECRASH_LOG_BROKEN + N.
class ReportedInvariant : public testing::TestWithParam<Invariant> {};

TEST_P(ReportedInvariant, IsWhatTheFindingSays) {
    const auto code = planted([](Code& k) {
        emit_log(k, GATECRASH_LOG_BROKEN + static_cast<std::uint32_t>(GetParam()), GATECRASH_VECTOR_NMI, 0x123);
    });
    const auto result = code.sweep(with_nmi());
    ASSERT_EQ(result.findings.size(), 4U);
    EXPECT_EQ(result.findings.front().violation.invariant, GetParam());
    EXPECT_THAT(result.findings.front().violation.message, testing::AnyOf(HasSubstr("0x123"), HasSubstr("291")));
    EXPECT_THAT(result.findings.front().also, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Sweep, ReportedInvariant,
                         testing::Values(Invariant::fault_origin, Invariant::context_tracking, Invariant::flags,
                                         Invariant::fault_registers, Invariant::leak, Invariant::exit_work,
                                         Invariant::interrupt_stacks),
                         [](const auto& info) { return to_string(info.param); });

TEST(Sweep, FindsTheOneInstructionThatIsWrong) {
    // The handler uses a word of the window's data that only one instruction of the window has in a register.
    GuestBuilder guest;
    guest.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) { k.inc(k.rbx); });
    guest.start();
    guest.window("window", [](Code& k) {
        k.nop();
        k.mov(k.ebx, 5);      // 5 bytes; RBX is live from here ...
        k.mov(k.rcx, k.rbx);  // 3 bytes; ... to here
        k.mov(k.ebx, 0);
    });
    const auto result = guest.build("planted").sweep(with_nmi());
    ASSERT_EQ(result.findings.size(), 2U);
    EXPECT_EQ(to_string(result.findings[0].schedule), "planted@nmi:window+0x6");
    EXPECT_EQ(to_string(result.findings[1].schedule), "planted@nmi:window+0xe");  // RBX at END
}

TEST(Sweep, FindsTheSameWithBothSteppersAndWithoutPruning) {
    // The bug needs a second NMI inside the handler, where a breakpoint's IRET has unmasked NMIs.
    const auto opens = [](Code& k) {
        k.push(k.rax);
        k.mov(k.rax, k.rsp);
        k.push(GATECRASH_KERNEL_SS);
        k.push(k.rax);
        k.pushfq();
        k.push(GATECRASH_KERNEL_CS);
        k.bytes({0x48, 0x8d, 0x05});  // lea rax, [rip + 3]: the address after the IRET
        k.dd(3);
        k.push(k.rax);
        k.iretq();
        k.nop();
        k.pop(k.rax);
    };
    const auto code = planted(opens, true, GATECRASH_PORT_BEGIN_NMI);
    auto options = with_nmi(1);
    const auto reference = code.sweep(options);
    ASSERT_FALSE(reference.findings.empty());
    const auto expect_same = [&](const SweepResult& other) {
        ASSERT_EQ(other.findings.size(), reference.findings.size());
        for (std::size_t i = 0; i < other.findings.size(); ++i) {
            EXPECT_EQ(other.findings[i].schedule, reference.findings[i].schedule);
            EXPECT_EQ(other.findings[i].violation, reference.findings[i].violation);
            EXPECT_EQ(other.findings[i].schedules, reference.findings[i].schedules);
        }
    };
    EXPECT_EQ(reference.findings.front().violation.invariant, Invariant::stack);
    EXPECT_GT(reference.pruned, 0U);
    options.stepper = StepperKind::stop_bytes;
    expect_same(code.sweep(options));
    options.prune = false;
    const auto unpruned = code.sweep(options);
    EXPECT_EQ(unpruned.pruned, 0U);
    EXPECT_GT(unpruned.schedules, reference.schedules);
    expect_same(unpruned);
}

/// Returns a guest that reads a word in its window, and whose #DB handler executes `body`.
SweptGuest watching(const Emit& body) {
    GuestBuilder guest;
    guest.handler("db", GATECRASH_VECTOR_DB, GATECRASH_IST_DB, body);
    guest.start();
    guest.code.kernel.mov(guest.code.kernel.rsi, GuestCode::data);
    guest.window("window", [&](Code& k) {
        k.nop();
        guest.symbol("reads");
        k.mov(k.rax, k.ptr[k.rsi]);
        k.mov(k.rcx, k.rbx);
        k.nop();
    });
    return guest.build("watching");
}

TEST(Sweep, LandsAWatchpointWhereItsByteIsUsed) {
    SweepOptions options;
    options.events = {Event::db(GuestCode::data + 3)};
    options.depth = 2;
    const auto holds = watching(nothing).sweep(options);
    EXPECT_THAT(holds.findings, IsEmpty());
    EXPECT_EQ(holds.schedules, 2U);

    const auto bad = watching([](Code& k) { k.inc(k.rbx); });
    const auto breaks = bad.sweep(options);
    ASSERT_EQ(breaks.findings.size(), 1U);
    const auto& finding = breaks.findings.front();
    EXPECT_EQ(to_string(finding.schedule), fmt::format("watching@db={:#x}:reads", GuestCode::data + 3));
    EXPECT_EQ(finding.violation.invariant, Invariant::round_trip);
    for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        const auto replayed = bad.replay(finding.schedule, stepper);
        ASSERT_FALSE(replayed.violations.empty());
        EXPECT_EQ(replayed.violations.front(), finding.violation);
    }
}

TEST(Sweep, PrunesWhatIsTheSameRunAndNothingElse) {
    const auto good = planted(nothing);
    auto options = with_nmi(2);
    const auto pruned = good.sweep(options);
    EXPECT_GT(pruned.levels[2].pruned, pruned.levels[1].pruned);
    options.prune = false;
    const auto whole = good.sweep(options);
    EXPECT_THAT(whole.findings, IsEmpty());
    EXPECT_GT(whole.schedules, pruned.schedules);
}

TEST(Sweep, DoesNotPruneWhatLeavesSomethingForTheNextEvent) {
    // RBX is another when the NMI before this one interrupted an instruction with an odd address.
    const auto code = planted([](Code& k) {
        Label even;
        k.push(k.rax);
        k.push(k.rcx);
        k.mov(k.rcx, GuestCode::data);
        k.test(k.byte[k.rcx], 1);
        k.jz(even);
        k.inc(k.rbx);
        k.L(even);
        k.mov(k.rax, k.ptr[k.rsp + 16]);
        k.mov(k.ptr[k.rcx], k.rax);
        k.pop(k.rcx);
        k.pop(k.rax);
    });
    auto options = with_nmi(2);
    const auto pruned = code.sweep(options);
    EXPECT_EQ(pruned.depth, 2U);
    ASSERT_FALSE(pruned.findings.empty());
    options.prune = false;
    EXPECT_EQ(code.sweep(options).findings, pruned.findings);
}

TEST(Sweep, FindsTheSameWithoutWhatOlderKvmsLack) {
    const auto good = planted(nothing);
    const auto bad = planted([](Code& k) { k.inc(k.rbx); });
    using enum kvm::Capability;
    for (const auto lacking : {sync_registers, dirty_ring, disable_quirks, binary_statistics}) {
        auto system = kvm::System::open();
        system.forgo(lacking);
        for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            auto options = with_nmi(2);
            options.stepper = stepper;
            EXPECT_EQ(good.sweep(options, system), good.sweep(options));
            EXPECT_EQ(bad.sweep(options, system), bad.sweep(options));
        }
    }
}

TEST(Sweep, ExaminesARunThatItsStepperCannotFollowToTheEnd) {
    // The handler's IRET loads TF, which the trap-flag stepper does not follow. The resulting #DB ends the run.
    constexpr int pushed_rflags = 16;
    const auto code =
        planted([](Code& k) { k.or_(k.qword[k.rsp + pushed_rflags], static_cast<std::uint32_t>(vm::rflags_tf)); });
    const auto result = code.sweep(with_nmi());
    ASSERT_FALSE(result.findings.empty());
    const auto replayed = code.replay(result.findings.front().schedule, StepperKind::trap_flag);
    ASSERT_FALSE(replayed.violations.empty());
    EXPECT_EQ(replayed.violations.front(), result.findings.front().violation);
    EXPECT_THAT(replayed.ending, HasSubstr("the last part ran freely: planted: the guest sets TF itself"));
}

TEST(Sweep, StopsWhenAsked) {
    const std::atomic<bool> stop = true;
    auto options = with_nmi();
    options.stop = &stop;
    EXPECT_TRUE(planted(nothing).sweep(options).interrupted);
}

TEST(Sweep, LandsOnlyInsideAWindowOfSymbols) {
    auto options = with_nmi();
    options.window = {{"nmi", "pf"}};
    EXPECT_EQ(planted(nothing).sweep(options).schedules, 1U);
    options.window = {{"window", "no_such_symbol"}};
    EXPECT_THROW((void)planted(nothing).sweep(options), ScheduleError);
    options.window = {{"pf", "nmi"}};
    EXPECT_THROW((void)planted(nothing).sweep(options), ScheduleError) << "the wrong way round";
}

TEST(Sweep, LandsEventsOfAKindOnlyInsideTheirWindow) {
    auto options = with_nmi();
    const auto everywhere = planted(nothing).sweep(options).schedules;
    options.window = {{"nmi", "pf", Event::Kind::nmi}};
    EXPECT_EQ(planted(nothing).sweep(options).schedules, 1U);
    options.events = {Event::nmi(), Event::mc()};
    const auto without_nmis = planted(nothing).sweep(options).schedules;
    options.events = {Event::mc()};
    options.window.clear();
    EXPECT_EQ(planted(nothing).sweep(options).schedules, without_nmis);
    EXPECT_GT(everywhere, 1U);
    options.window = {{"nmi", "pf", Event::Kind::db}};
    EXPECT_THROW((void)planted(nothing).sweep(options), ScheduleError) << "no #DB is to land";
}

TEST(Sweep, RunsEventsThatWaitUntilAfterAWindowOfSymbols) {
    // An NMI that lands in the handler is delivered after the IRET, where none lands. It then changes RBX.
    const auto code = planted([](Code& k) { k.inc(k.rbx); }, true, GATECRASH_PORT_BEGIN_NMI);
    auto options = with_nmi();
    options.window = {{"nmi", "pf"}};
    const auto pruned = code.sweep(options);
    ASSERT_EQ(pruned.findings.size(), 1U);
    EXPECT_EQ(to_string(pruned.findings.front().schedule), "planted@nmi:window");
    EXPECT_EQ(pruned.schedules, 2U);
    options.prune = false;
    EXPECT_EQ(code.sweep(options).findings, pruned.findings);
}

TEST(Replay, RefusesWhatTheGuestLacksOrNeverReaches) {
    const auto code = planted(nothing);
    const auto error_of = [&](const Boundary& boundary) -> std::string {
        try {
            (void)code.replay({"planted", {{Event::nmi(), boundary}}}, StepperKind::trap_flag);
        } catch (const ScheduleError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(error_of({"nonsense", 0, 1, {}}), HasSubstr("no symbol nonsense"));
    EXPECT_THAT(error_of({"window", 0, 2, {}}), HasSubstr("never reaches window#2"));
    EXPECT_THAT(error_of({"", 0, 1, 99}), HasSubstr("never reaches 99"));
}

TEST(Replay, TracesInstructionsEventsAndFrames) {
    GuestBuilder traced;
    traced.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    traced.start();
    traced.window("window", [](Code& k) { k.nop(); });
    vm::Guest guest(kvm_system(), traced.build("traced").image);
    std::vector<std::string> lines;
    Boundary first;
    first.index = 0;
    const auto result = replay(guest, {"traced", {{Event::nmi(), first}}}, StepperKind::trap_flag, lines_to(lines));
    EXPECT_THAT(result.violations, IsEmpty());
    EXPECT_THAT(lines, Contains(HasSubstr(">>> nmi lands at window")));
    EXPECT_THAT(lines, Contains(HasSubstr("=== vector 2 goes to nmi:")));
    EXPECT_THAT(lines, Contains(HasSubstr("iretq")));
    EXPECT_THAT(lines, Contains(HasSubstr("doorbell END")));
}

}  // namespace
}  // namespace gatecrash::sweep
