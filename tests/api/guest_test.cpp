// Tests the public API with small guests, as another project's tests would write them.
#include "gatecrash/gatecrash.hpp"

#include <gmock/gmock.h>

#include <string>

#include "support/opened_kvm.hpp"

namespace gatecrash::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto begin = Doorbell::begin(), end = Doorbell::end();

/// Code of BEGIN, a NOP and END. The handler of `vector` rings BEGIN at its first delivery.
struct RingingCode : GuestCode {
    explicit RingingCode(Vector vector) {
        on(vector).ring_once(begin);
        kernel.ring(begin);
        landed = kernel.here();
        kernel.nop();
        kernel.ring(end);
    }
    std::uint64_t landed;
};

TEST(Kvm, SaysWhyItCannotBeUsed) {
    try {
        (void)Kvm::open("/dev/nothing");
        ADD_FAILURE() << "opened";
    } catch (const KvmError& error) {
        EXPECT_THAT(error.what(), HasSubstr("open /dev/nothing failed: No such file or directory: this host offers"));
        EXPECT_THAT(error.remedy(), HasSubstr("load kvm_intel or kvm_amd"));
        EXPECT_THAT(error.remedy(), Not(HasSubstr("--machine"))) << "an option of the program";
    }
}

TEST(Nmi, IsMaskedUntilIret) {
    RingingCode code(Vector::nmi);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin).land(Event::nmi());
    guest.run_to(begin).land(Event::nmi());  // lands inside the handler
    EXPECT_NE(guest.events().nmi.masked, 0);
    EXPECT_THAT(guest.deliveries(), ElementsAre(Delivery{Vector::nmi, code.landed}));
    guest.run_to(end);
    EXPECT_EQ(guest.deliveries(), (Deliveries{{Vector::nmi, code.landed}, {Vector::nmi, code.landed}}));
    EXPECT_EQ(guest.events().nmi.masked, 0);
}

TEST(Interrupt, WaitsForIf) {
    GuestCode code;
    code.on(Vector::irq);
    code.kernel.ring(begin);
    code.kernel.nop();
    code.kernel.sti();
    code.kernel.nop();  // executes in the shadow of STI
    const auto delivered = code.kernel.here();
    code.kernel.ring(end);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin).land(Event::irq());
    EXPECT_EQ(guest.run_to(end).deliveries(), (Deliveries{{Vector::irq, delivered}}));
}

TEST(PageFault, PushesAnErrorCode) {
    GuestCode code;
    std::uint64_t write = 0;
    code.on(Vector::pf);
    code.kernel.mov(code.kernel.rsi, GuestCode::data);
    code.kernel.ring(begin);
    write = code.kernel.here();
    code.kernel.mov(code.kernel.qword[code.kernel.rsi + 8], 5);
    code.kernel.ring(end);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin).land(Event::pf(GuestCode::data));
    guest.run_to(end);
    EXPECT_THAT(guest.deliveries(), ElementsAre(Delivery{Vector::pf, write, 0, 2}));
    EXPECT_EQ(guest.records().front().cr2, GuestCode::data + 8);
    EXPECT_NE(guest.records().front().rflags & 0x10000, 0U) << "RF";
    EXPECT_EQ(guest.read<std::uint64_t>(GuestCode::data + 8), 5U) << "the instruction executes after the handler";
}

TEST(UserCode, IsInterruptedAtCpl3) {
    GuestCode code;
    code.on(Vector::nmi);
    code.on(Vector::ud).run([](Code& k) { k.add(k.qword[k.rsp + Handler::frame_rip], 2); });  // skips the UD2
    code.enter_user();
    code.user.ring(begin);
    const auto landed = code.user.here();
    code.user.ud2();
    code.user.ring(end);
    Guest guest(opened_kvm(), code);
    EXPECT_EQ(guest.run_to(begin).cpl(), 3U);
    guest.land(Event::nmi());
    EXPECT_EQ(guest.run_to(end).deliveries(), (Deliveries{{Vector::nmi, landed, 3}, {Vector::ud, landed, 3}}));
}

TEST(UserCode, MakesSystemCalls) {
    GuestCode code;
    auto& k = code.kernel;
    Xbyak::Label entry, start;
    k.jmp(start);
    k.L(entry);
    k.ring(begin);
    k.sysretq();
    k.L(start);
    code.enable_syscall(entry, 0);
    code.enter_user();
    code.user.syscall();
    code.user.ring(end);
    Guest guest(opened_kvm(), code);
    EXPECT_EQ(guest.run_to(begin).cpl(), 0U);
    EXPECT_EQ(guest.registers().rcx, GuestCode::user_text + 2);
    EXPECT_EQ(guest.run_to(end).cpl(), 3U);
    EXPECT_LT(code.address_of(entry), guest.special_registers().idt.base);
}

/// Returns the outcome of a guest with this code.
Outcome outcome_of(void (*emit)(Code&)) {
    GuestCode code;
    emit(code.kernel);
    return Guest(opened_kvm(), code).run();
}

TEST(Outcomes, SayHowAGuestStops) {
    const auto hlt = [](Code& k) { k.hlt(); };
    EXPECT_EQ(outcome_of(hlt), Outcome{Halted{}});
    EXPECT_EQ(outcome_of([](Code& k) { k.ring(end); }), Outcome{end});
    EXPECT_EQ(outcome_of([](Code& k) { k.out_(0x80, k.al); }), Outcome{BadPort{0x80}});
    EXPECT_EQ(outcome_of([](Code& k) {
                  Xbyak::Label self;
                  k.L(self);
                  k.jmp(self);
              }),
              Outcome{StillRunning{}});
    EXPECT_EQ(outcome_of([](Code& k) {
                  k.xor_(k.esp, k.esp);  // makes every push fault
                  k.ud2();
              }),
              Outcome{TripleFault{}});
}

TEST(Outcomes, OtherThanExpectedThrow) {
    GuestCode code;
    const auto ud2 = code.kernel.here();
    code.kernel.ud2();
    Guest guest(opened_kvm(), code);
    try {
        guest.run_to(end);
        ADD_FAILURE() << "came to the end";
    } catch (const UnexpectedOutcome& error) {
        EXPECT_EQ(error.outcome(), Outcome{Doorbell::fatal()});
        EXPECT_THAT(error.what(), HasSubstr("did not reach doorbell END: doorbell FATAL\ndelivered:\n  " +
                                            to_string(Delivery{Vector::ud, ud2})));
        EXPECT_THAT(error.what(), HasSubstr("rip")) << "a dump";
    }
}

TEST(Landing, SaysWhyAnEventCannotLand) {
    RingingCode code(Vector::pf);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin);
    EXPECT_EQ(guest.why_not(Event::pf(GuestCode::data)), "the instruction does not use that address");
    EXPECT_EQ(guest.why_not(Event::pf()), std::nullopt);
    guest.land(Event::pf());
    try {
        guest.land(Event::pf());
        ADD_FAILURE() << "landed twice";
    } catch (const CannotLand& error) {
        EXPECT_THAT(error.what(), HasSubstr("#PF cannot land at 0x"));
        EXPECT_THAT(error.what(), HasSubstr("another exception is still pending"));
    }
    EXPECT_THROW(guest.land(Event::irq(8)), CannotLand) << "no error code";
}

TEST(Stepping, ExecutesOneInstructionOrDelivers) {
    RingingCode code(Vector::nmi);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin);
    guest.land(Event::nmi());
    EXPECT_EQ(guest.step().delivered, Vector::nmi);
    EXPECT_THAT(guest.deliveries(), IsEmpty()) << "the handler has not recorded it yet";
    guest.run_to(begin);
    guest.run_to(end);

    Guest another(opened_kvm(), code);
    another.run_to(begin);
    EXPECT_EQ(another.rip(), code.landed);
    const auto step = another.step();
    EXPECT_FALSE(step.end || step.delivered);
    EXPECT_EQ(another.rip(), code.landed + 1);
    EXPECT_EQ(another.step().end, Outcome{end});
}

TEST(Stepping, MeetsAWatchpoint) {
    GuestCode code;
    auto& k = code.kernel;
    code.on(Vector::db);
    k.mov(k.rsi, GuestCode::data);
    k.ring(begin);
    k.mov(k.rax, k.qword[k.rsi]);
    const auto after = k.here();
    k.ring(end);
    Guest guest(opened_kvm(), code);
    guest.run_to(begin).land(Event::db(GuestCode::data));
    EXPECT_EQ(guest.run_to(end).deliveries(), (Deliveries{{Vector::db, after}}));
    EXPECT_EQ(guest.records().front().dr6 & 0xf, 1U);
}

TEST(Snapshots, BringBackCpuMemoryAndDeliveries) {
    RingingCode code(Vector::nmi);
    Guest guest(opened_kvm(), code);
    const auto before = guest.run_to(begin).snapshot();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(guest.read<std::uint64_t>(GuestCode::data), 0U);
        EXPECT_THAT(guest.deliveries(), IsEmpty());
        guest.write_value<std::uint64_t>(GuestCode::data, 7);
        guest.land(Event::nmi());
        guest.run_to(begin);
        guest.run_to(end);
        EXPECT_THAT(guest.deliveries(), ElementsAre(Delivery{Vector::nmi, code.landed}));
        guest.restore(before);
        EXPECT_EQ(guest.rip(), code.landed);
    }
    EXPECT_THROW((void)guest.read<std::uint64_t>(0x1000), std::out_of_range);
    auto registers = guest.registers();
    registers.rbx = 42;
    guest.set_registers(registers);
    EXPECT_EQ(guest.run_to(end).registers().rbx, 42U);
}

TEST(Code, RunsInSeveralGuestsButMustNotChange) {
    GuestCode code;
    code.kernel.ring(end);
    Guest(opened_kvm(), code).run_to(end);
    Guest(opened_kvm(), code).run_to(end);
    code.user.nop();
    EXPECT_THROW(Guest(opened_kvm(), code), std::logic_error);
}

TEST(Code, ThatLoopsFillsItsRecords) {
    GuestCode code;
    code.on(Vector::ud);  // returns to the UD2
    code.kernel.ud2();
    Guest guest(opened_kvm(), code);
    try {
        guest.run_to(end);
        ADD_FAILURE() << "came to the end";
    } catch (const UnexpectedOutcome& error) {
        EXPECT_THAT(error.what(), HasSubstr("no more deliveries can be recorded"));
    }
    EXPECT_EQ(guest.deliveries().size(), 31U);
}

TEST(Handlers, RingAsOftenAsTheySay) {
    GuestCode code;
    code.on(Vector{0x40}).ring_once(begin).ring(end).on_ist(1);
    for (int i = 0; i < 2; ++i) code.kernel.int_(0x40);
    code.kernel.ring(Doorbell::done());
    Guest guest(opened_kvm(), code);
    guest.run_to(begin).run_to(end).run_to(end).run_to(Doorbell::done());
    EXPECT_EQ(guest.deliveries().size(), 2U);
    EXPECT_EQ(to_string(guest.deliveries().front().vector), "vector 0x40");
    EXPECT_THROW(code.on(Vector::nmi).on_ist(5), std::invalid_argument);
}

}  // namespace
}  // namespace gatecrash::api
