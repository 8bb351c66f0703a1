// Guests with one planted bug each: the sweep finds that bug, where it is, and nothing else.
#include "sweep/sweep.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "support/handler_body.hpp"
#include "support/kvm_system.hpp"
#include "sweep/replay.hpp"
#include "vm/boot/guest_code.hpp"

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

/// A window of a few instructions with two words on the stack, and an NMI handler whose body is `body`.
class PlantedCode {
  public:
    using Emit = std::function<void(Code&)>;

    explicit PlantedCode(const Emit& body, bool logs = true, std::uint8_t begin = GATECRASH_PORT_BEGIN) {
        auto& k = code_.kernel;
        Label nmi, pf, start;
        k.jmp(start, Code::T_NEAR);
        k.L(nmi);
        if (logs) emit_log(k, GATECRASH_LOG_ENTER, GATECRASH_VECTOR_NMI);
        body(k);
        if (logs) emit_log(k, GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI);
        k.iretq();
        k.L(pf);
        emit_log(k, GATECRASH_LOG_FATAL, GATECRASH_VECTOR_PF, 3);
        k.doorbell(GATECRASH_PORT_FATAL);
        k.L(start);
        code_.load_segments();
        k.push(1);
        k.push(2);
        k.doorbell(begin);
        k.L(window_);
        k.nop();
        k.nop();
        k.xor_(k.eax, k.eax);
        k.doorbell(GATECRASH_PORT_END);
        k.doorbell(GATECRASH_PORT_DONE);
        code_.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
        code_.handle(GATECRASH_VECTOR_PF, pf);
        nmi_ = code_.kernel_address(nmi);
        window_address_ = code_.kernel_address(window_);
        image_ = code_.build("planted");
        image_.symbols = vm::SymbolTable({{"kernel", vm::Virtual{GuestCode::kernel_text}},
                                          {"nmi", vm::Virtual{nmi_}},
                                          {"pf", vm::Virtual{code_.kernel_address(pf)}},
                                          {"window", vm::Virtual{window_address_}}});
        image_.stacks = {{"task", GuestCode::kernel_stack - GATECRASH_PAGE, GuestCode::kernel_stack},
                         {"nmi", GuestCode::stack(1) - GATECRASH_PAGE, GuestCode::stack(1)}};
    }

    [[nodiscard]] SweepResult sweep(const SweepOptions& options, const kvm::System& system = kvm_system()) const {
        vm::Guest guest(system, image_);
        return sweep::sweep(guest, options);
    }
    [[nodiscard]] ReplayResult replay(const Schedule& schedule, StepperKind stepper) const {
        vm::Guest guest(kvm_system(), image_);
        return sweep::replay(guest, schedule, stepper);
    }

    static SweepOptions with_nmi(unsigned depth = 1) {
        SweepOptions options;
        options.events = {Event::nmi()};
        options.depth = depth;
        return options;
    }

  private:
    GuestCode code_;
    Label window_;
    std::uint64_t nmi_ = 0, window_address_ = 0;
    vm::Image image_;
};

void nothing(Code&) {}

TEST(Sweep, HoldsForACorrectHandler) {
    const auto result = PlantedCode(nothing).sweep(PlantedCode::with_nmi(2));
    EXPECT_THAT(result.findings, IsEmpty());
    EXPECT_EQ(result.depth, 2U);
    EXPECT_EQ(result.boundaries, 4U);  // NOP, NOP, XOR, OUT
    EXPECT_GT(result.schedules, 1U + 4U);
}

TEST(Sweep, FindsWhatARoundTripLosesWithoutAnyEvent) {
    // The window's XOR stands for an entry that loses a register each time.
    const PlantedCode code(nothing, true, GATECRASH_PORT_BEGIN_ROUND_TRIP);
    const auto result = code.sweep(PlantedCode::with_nmi());
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
    PlantedCode::Emit body;
    bool logs = true;
};

class PlantedBug : public testing::TestWithParam<Defect> {};

TEST_P(PlantedBug, IsFoundAndReplays) {
    const PlantedCode code(GetParam().body, GetParam().logs);
    const auto result = code.sweep(PlantedCode::with_nmi());
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
         // The two bases differ from the start.
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
         // Back by POPF and RET: not an IRET, so the CPU goes on masking NMIs.
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
         // An IDT without entries: the exception, #DF and the CPU's patience end at once.
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

/// What no check from outside can see, a body reports itself: as a record of kind GATECRASH_LOG_BROKEN + N.
class ReportedInvariant : public testing::TestWithParam<Invariant> {};

TEST_P(ReportedInvariant, IsWhatTheFindingSays) {
    const PlantedCode code([](Code& k) {
        emit_log(k, GATECRASH_LOG_BROKEN + static_cast<std::uint32_t>(GetParam()), GATECRASH_VECTOR_NMI, 0x123);
    });
    const auto result = code.sweep(PlantedCode::with_nmi());
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
    GuestCode code;
    auto& k = code.kernel;
    Label nmi, start, window;
    k.jmp(start, Code::T_NEAR);
    k.L(nmi);
    emit_handler(k, GATECRASH_VECTOR_NMI, [](Code& body) { body.inc(body.rbx); });
    k.L(start);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.L(window);
    k.nop();
    k.mov(k.ebx, 5);      // 5 bytes; RBX is live from here ...
    k.mov(k.rcx, k.rbx);  // 3 bytes; ... to here
    k.mov(k.ebx, 0);
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    const auto at = code.kernel_address(window);
    auto image = code.build("planted");
    image.symbols = vm::SymbolTable({{"window", vm::Virtual{at}}});
    vm::Guest guest(kvm_system(), image);
    const auto result = sweep(guest, PlantedCode::with_nmi());
    ASSERT_EQ(result.findings.size(), 2U);
    EXPECT_EQ(to_string(result.findings[0].schedule), "planted@nmi:window+0x6");
    EXPECT_EQ(to_string(result.findings[1].schedule), "planted@nmi:window+0xe");  // RBX at END
}

TEST(Sweep, FindsTheSameWithBothSteppersAndWithoutPruning) {
    // A second NMI inside the handler's window, which a breakpoint's IRET opens.
    const auto opens = [](Code& k) {
        k.push(k.rax);
        k.mov(k.rax, k.rsp);
        k.push(GATECRASH_KERNEL_SS);
        k.push(k.rax);
        k.pushfq();
        k.push(GATECRASH_KERNEL_CS);
        k.bytes({0x48, 0x8d, 0x05});  // lea rax, [rip + 3]: behind the IRET
        k.dd(3);
        k.push(k.rax);
        k.iretq();
        k.nop();
        k.pop(k.rax);
    };
    const PlantedCode code(opens, true, GATECRASH_PORT_BEGIN_NMI);
    auto options = PlantedCode::with_nmi(1);
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

/// Reads a word in its window, with a #DB handler that executes `body`.
vm::Image watching(const std::function<void(Code&)>& body) {
    GuestCode code;
    auto& k = code.kernel;
    Label db, start, reads;
    k.jmp(start, Code::T_NEAR);
    k.L(db);
    emit_log(k, GATECRASH_LOG_ENTER, GATECRASH_VECTOR_DB);
    body(k);
    emit_log(k, GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_DB);
    k.iretq();
    k.L(start);
    code.load_segments();
    k.mov(k.rsi, GuestCode::data);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.L(reads);
    k.mov(k.rax, k.ptr[k.rsi]);
    k.mov(k.rcx, k.rbx);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    code.handle(GATECRASH_VECTOR_DB, db, GATECRASH_IST_DB);
    auto image = code.build("watching");
    image.symbols = vm::SymbolTable(
        {{"db", vm::Virtual{code.kernel_address(db)}}, {"reads", vm::Virtual{code.kernel_address(reads)}}});
    return image;
}

TEST(Sweep, LandsAWatchpointWhereItsByteIsUsed) {
    SweepOptions options;
    options.events = {Event::db(GuestCode::data + 3)};
    options.depth = 2;
    vm::Guest good(kvm_system(), watching(nothing));
    const auto holds = sweep(good, options);
    EXPECT_THAT(holds.findings, IsEmpty());
    EXPECT_EQ(holds.schedules, 2U);

    vm::Guest bad(kvm_system(), watching([](Code& k) { k.inc(k.rbx); }));
    const auto breaks = sweep(bad, options);
    ASSERT_EQ(breaks.findings.size(), 1U);
    const auto& finding = breaks.findings.front();
    EXPECT_EQ(to_string(finding.schedule), fmt::format("watching@db={:#x}:reads", GuestCode::data + 3));
    EXPECT_EQ(finding.violation.invariant, Invariant::round_trip);
    for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        vm::Guest again(kvm_system(), watching([](Code& k) { k.inc(k.rbx); }));
        const auto replayed = replay(again, finding.schedule, stepper);
        ASSERT_FALSE(replayed.violations.empty());
        EXPECT_EQ(replayed.violations.front(), finding.violation);
    }
}

TEST(Sweep, PrunesWhatIsTheSameRunAndNothingElse) {
    const PlantedCode good(nothing);
    auto options = PlantedCode::with_nmi(2);
    const auto pruned = good.sweep(options);
    EXPECT_GT(pruned.levels[2].pruned, pruned.levels[1].pruned);
    options.prune = false;
    const auto whole = good.sweep(options);
    EXPECT_THAT(whole.findings, IsEmpty());
    EXPECT_GT(whole.schedules, pruned.schedules);
}

TEST(Sweep, DoesNotPruneWhatLeavesSomethingForTheNextEvent) {
    // RBX is another when the NMI before this one interrupted an instruction with an odd address.
    const PlantedCode code([](Code& k) {
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
    auto options = PlantedCode::with_nmi(2);
    const auto pruned = code.sweep(options);
    EXPECT_EQ(pruned.depth, 2U);
    ASSERT_FALSE(pruned.findings.empty());
    options.prune = false;
    EXPECT_EQ(code.sweep(options).findings, pruned.findings);
}

TEST(Sweep, FindsTheSameWithoutWhatOlderKvmsLack) {
    const PlantedCode good(nothing);
    const PlantedCode bad([](Code& k) { k.inc(k.rbx); });
    for (const auto lacking : {kvm::Capability::sync_registers, kvm::Capability::dirty_ring}) {
        auto system = kvm::System::open();
        system.forgo(lacking);
        for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            auto options = PlantedCode::with_nmi(2);
            options.stepper = stepper;
            EXPECT_EQ(good.sweep(options, system), good.sweep(options));
            EXPECT_EQ(bad.sweep(options, system), bad.sweep(options));
        }
    }
}

TEST(Sweep, ExaminesARunThatItsStepperCannotFollowToTheEnd) {
    // The handler's IRET loads TF, which the stepper with the trap flag does not follow. The #DB that comes ends the
    // run.
    constexpr int pushed_rflags = 16;
    const PlantedCode code(
        [](Code& k) { k.or_(k.qword[k.rsp + pushed_rflags], static_cast<std::uint32_t>(vm::rflags_tf)); });
    const auto result = code.sweep(PlantedCode::with_nmi());
    ASSERT_FALSE(result.findings.empty());
    const auto replayed = code.replay(result.findings.front().schedule, StepperKind::trap_flag);
    ASSERT_FALSE(replayed.violations.empty());
    EXPECT_EQ(replayed.violations.front(), result.findings.front().violation);
    EXPECT_THAT(replayed.ending, HasSubstr("the last part ran freely: planted: the guest sets TF itself"));
}

TEST(Sweep, StopsWhenAsked) {
    const std::atomic<bool> stop = true;
    auto options = PlantedCode::with_nmi();
    options.stop = &stop;
    EXPECT_TRUE(PlantedCode(nothing).sweep(options).interrupted);
}

TEST(Sweep, LandsOnlyInsideAWindowOfSymbols) {
    auto options = PlantedCode::with_nmi();
    options.window = {{"nmi", "pf"}};
    EXPECT_EQ(PlantedCode(nothing).sweep(options).schedules, 1U);
    options.window = {{"window", "no_such_symbol"}};
    EXPECT_THROW((void)PlantedCode(nothing).sweep(options), ScheduleError);
    options.window = {{"pf", "nmi"}};
    EXPECT_THROW((void)PlantedCode(nothing).sweep(options), ScheduleError) << "the wrong way round";
}

TEST(Sweep, LandsEventsOfAKindOnlyInsideTheirWindow) {
    auto options = PlantedCode::with_nmi();
    const auto everywhere = PlantedCode(nothing).sweep(options).schedules;
    options.window = {{"nmi", "pf", Event::Kind::nmi}};
    EXPECT_EQ(PlantedCode(nothing).sweep(options).schedules, 1U);
    options.events = {Event::nmi(), Event::mc()};
    const auto without_nmis = PlantedCode(nothing).sweep(options).schedules;
    options.events = {Event::mc()};
    options.window.clear();
    EXPECT_EQ(PlantedCode(nothing).sweep(options).schedules, without_nmis);
    EXPECT_GT(everywhere, 1U);
    options.window = {{"nmi", "pf", Event::Kind::db}};
    EXPECT_THROW((void)PlantedCode(nothing).sweep(options), ScheduleError) << "no #DB is to land";
}

TEST(Sweep, RunsWhatWaitsUntilBehindAWindowOfSymbols) {
    // An NMI that lands in the handler is delivered behind the IRET, where none lands, and RBX is another then.
    const PlantedCode code([](Code& k) { k.inc(k.rbx); }, true, GATECRASH_PORT_BEGIN_NMI);
    auto options = PlantedCode::with_nmi();
    options.window = {{"nmi", "pf"}};
    const auto pruned = code.sweep(options);
    ASSERT_EQ(pruned.findings.size(), 1U);
    EXPECT_EQ(to_string(pruned.findings.front().schedule), "planted@nmi:window");
    EXPECT_EQ(pruned.schedules, 2U);
    options.prune = false;
    EXPECT_EQ(code.sweep(options).findings, pruned.findings);
}

TEST(Replay, RefusesWhatTheGuestLacksOrNeverReaches) {
    const PlantedCode code(nothing);
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
    const PlantedCode code(nothing);
    vm::Guest guest(kvm_system(), [] {
        GuestCode g;
        Label nmi, start;
        auto& k = g.kernel;
        k.jmp(start, Code::T_NEAR);
        k.L(nmi);
        emit_handler(k, GATECRASH_VECTOR_NMI);
        k.L(start);
        k.doorbell(GATECRASH_PORT_BEGIN);
        k.nop();
        k.doorbell(GATECRASH_PORT_END);
        k.doorbell(GATECRASH_PORT_DONE);
        g.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
        return g.build("traced");
    }());
    std::vector<std::string> lines;
    Boundary first;
    first.index = 0;
    const auto result = replay(guest, {"traced", {{Event::nmi(), first}}}, StepperKind::trap_flag,
                               [&](const std::string& line) { lines.push_back(line); });
    EXPECT_THAT(result.violations, IsEmpty());
    EXPECT_THAT(lines, Contains(HasSubstr(">>> nmi lands at kernel+")));
    EXPECT_THAT(lines, Contains(HasSubstr("=== vector 2 goes to kernel+")));
    EXPECT_THAT(lines, Contains(HasSubstr("iretq")));
    EXPECT_THAT(lines, Contains(HasSubstr("doorbell END")));
}

}  // namespace
}  // namespace gatecrash::sweep
