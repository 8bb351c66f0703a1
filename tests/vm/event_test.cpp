// Exceptions that the harness makes arrive: what the guest sees of them, and where they cannot come from.
#include "vm/landing/event.hpp"
#include "vm/run_patiently.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <utility>

#include "support/kvm_system.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::vm {
namespace {

using Xbyak::Label;

/// A guest that reads a word of its data and writes another one, with a handler for one vector that keeps what it is
/// handed: the error code (0 if there is none), the RIP and RFLAGS to return to, CR2, MCG_STATUS and DR6. Its NMI
/// handler keeps the RIP to return to.
class EventCode {
  public:
    explicit EventCode(Event event, bool ends_machine_check = true) {
        auto& k = code_.kernel;
        const bool has_error_code = event.kind == Event::Kind::pf;
        Label handler, nmi, start;
        k.jmp(start, Code::T_NEAR);
        k.L(handler);
        if (!has_error_code) k.push(0);
        k.pop(k.r8);
        k.mov(k.r9, k.ptr[k.rsp]);
        k.mov(k.r10, k.ptr[k.rsp + 16]);
        for (const int byte : {0x41, 0x0f, 0x20, 0xd3}) k.db(byte);  // mov r11, cr2
        for (const int byte : {0x41, 0x0f, 0x21, 0xf4}) k.db(byte);  // mov r12, dr6
        k.mov(k.ecx, 0x17a);
        k.rdmsr();
        k.mov(k.r13d, k.eax);
        if (ends_machine_check) {
            k.xor_(k.eax, k.eax);
            k.wrmsr();
        }
        k.inc(k.r14);
        k.iretq();
        k.L(nmi);
        k.mov(k.rbx, k.ptr[k.rsp]);
        k.inc(k.r15);
        k.iretq();
        k.L(start);
        k.mov(k.rsi, GuestCode::data);
        k.doorbell(GATECRASH_PORT_BEGIN);
        read_ = k.getSize();
        k.mov(k.rbp, k.ptr[k.rsi + 8]);
        write_ = k.getSize();
        k.mov(k.qword[k.rsi + page_size], 1);
        k.doorbell(GATECRASH_PORT_END);
        code_.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
        code_.handle(event.vector, handler, event.kind == Event::Kind::pf ? 0 : GATECRASH_IST_MC);
        handler_ = code_.kernel_address(handler);
        guest_ = std::make_unique<Guest>(kvm_system(), code_.build("event"));
        EXPECT_EQ(run_patiently(*guest_), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    }

    Guest& guest() { return *guest_; }
    /// Goes on to the instruction that writes.
    void step_to_write() {
        const auto stepper = make_stop_byte_stepper(*guest_);
        stepper->enter();
        EXPECT_FALSE(stepper->step().end);
        stepper->leave();
        EXPECT_EQ(number(guest_->rip()), write_address());
    }
    /// To END: what the handler kept.
    const kvm_regs& run() {
        EXPECT_EQ(run_patiently(*guest_), Outcome{Doorbell{GATECRASH_PORT_END}}) << guest_->dump();
        return guest_->cpu().regs();
    }
    std::uint64_t read_address() const { return GuestCode::kernel_text + read_; }
    std::uint64_t handler_address() const { return handler_; }
    std::uint64_t write_address() const { return GuestCode::kernel_text + write_; }

  private:
    GuestCode code_;
    std::size_t read_ = 0, write_ = 0;
    std::uint64_t handler_ = 0;
    std::unique_ptr<Guest> guest_;
};

/// A guest that rings BEGIN and then END, and whose NMI handler rings FATAL in front of its IRET.
Image guest_with_nmi_handler() {
    GuestCode code;
    auto& k = code.kernel;
    Label db, nmi, start;
    k.jmp(start);
    k.L(nmi);
    k.mov(k.rbx, k.ptr[k.rsp]);
    k.doorbell(GATECRASH_PORT_FATAL);
    k.L(db);
    k.iretq();
    k.L(start);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    code.handle(GATECRASH_VECTOR_DB, db, GATECRASH_IST_DB);
    auto image = code.build("masked");
    image.symbols = SymbolTable({{"db", Virtual{code.kernel_address(db)}}});
    return image;
}

/// Leaves `machine` in its NMI handler.
void end_with_nmis_masked(Guest& guest) {
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    guest.land(Event::nmi());
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
    EXPECT_NE(guest.cpu().events().nmi.masked, 0);
}

TEST(NmiMask, IsNotThatOfTheMachineBefore) {
    {
        Guest before(kvm_system(), guest_with_nmi_handler());
        end_with_nmis_masked(before);
    }
    Guest guest(kvm_system(), guest_with_nmi_handler());
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(guest.cpu().events().nmi.masked, 0);
}

TEST(NmiMask, IsThatOfTheSnapshot) {
    Guest guest(kvm_system(), guest_with_nmi_handler());
    const auto booted = guest.snapshot();
    end_with_nmis_masked(guest);
    guest.restore(booted);
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(guest.cpu().events().nmi.masked, 0);
    // The NMI waits until the exception's delivery, so KVM leaves it to the CPU to say when NMIs are not masked.
    guest.land(Event::db());
    guest.land(Event::nmi());
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
    EXPECT_EQ(Virtual{guest.cpu().regs().rbx}, guest.image().symbols.find("db"));
}

TEST(Shadow, OfMovSsEndsBehindADoorbell) {
    GuestCode code;
    code.load_segments();
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    Guest guest(kvm_system(), code.build("shadow"));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_TRUE(guest.can_deliver(Event::nmi()));
    EXPECT_EQ(guest.snapshot().events.interrupt.shadow, 0);
}

/// A guest with interrupts on between BEGIN and END, and a handler for `vector`.
Image guest_with_interrupts_on(std::uint8_t vector) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.inc(k.r14);
    k.iretq();
    k.L(start);
    k.sti();
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(vector, handler);
    return code.build("interrupts on");
}

TEST(Interrupt, IsInServiceForAGuestThatLooks) {
    constexpr std::uint8_t vector = 0x81;
    constexpr Virtual in_service{GuestCode::data + 0x40};
    const auto bits = [&](Guest& guest) {
        return guest.memory().read<std::array<std::uint64_t, 4>>(in_service).value();
    };
    auto image = guest_with_interrupts_on(vector);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Guest guest(kvm_system(), std::move(image));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto before = guest.snapshot();
    guest.land(Event::irq(vector));
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{})) << "before it is delivered";
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_END}});
    EXPECT_EQ(guest.cpu().regs().r14, 1U);
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{0, 0, 2, 0}));
    guest.restore(before);
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{}));
}

TEST(Interrupt, DoesNotLandWhileOneOfItsPriorityIsInService) {
    constexpr Virtual in_service{GuestCode::data + 0x40};
    auto image = guest_with_interrupts_on(0x81);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Guest guest(kvm_system(), std::move(image));
    const auto before = guest.snapshot();
    EXPECT_TRUE(guest.can_land(Event::irq(0x81)));
    const std::array<std::uint64_t, 4> bits{0, 0, 2, 0};  // that of vector 0x81
    ASSERT_TRUE(guest.memory().write(in_service, std::as_bytes(std::span(bits))));
    const auto during = guest.snapshot();
    for (const int vector : {0x20, 0x7f, 0x80, 0x81, 0x8f}) {
        EXPECT_FALSE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)))) << vector;
        EXPECT_FALSE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)), during)) << vector;
        EXPECT_TRUE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)), before)) << vector;
    }
    EXPECT_TRUE(guest.can_land(Event::irq(0x90))) << "of a higher priority";
    EXPECT_TRUE(guest.can_land(Event::irq(0x90), during));
    EXPECT_TRUE(guest.can_land(Event::nmi()));
}

TEST(Interrupt, WithTheVectorOfAnExceptionIsOne) {
    Guest guest(kvm_system(), guest_with_interrupts_on(GATECRASH_VECTOR_DF));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    guest.land(Event::irq(GATECRASH_VECTOR_DF));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_END}})
        << "no error code is pushed: " << guest.dump();
    EXPECT_EQ(guest.cpu().regs().r14, 1U);
}

TEST(DebugException, IsThatOfAnInstructionBreakpoint) {
    EventCode code(Event::db());
    code.guest().land(Event::db());
    const auto& regs = code.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r9, code.read_address());
    EXPECT_EQ(regs.r10 & rflags_rf, 0U);
    EXPECT_EQ(regs.r12 & 0xf, 1U) << "DR6.B0";
}

TEST(DebugException, DoesNotComeWithRfSet) {
    EventCode code(Event::db());
    auto regs = code.guest().cpu().regs();
    regs.rflags |= rflags_rf;
    code.guest().cpu().set_regs(regs);
    EXPECT_FALSE(code.guest().can_land(Event::db()));
    EXPECT_TRUE(code.guest().can_land(Event::mc()));
}

TEST(Watchpoint, TrapsBehindTheInstructionThatUsesItsByte) {
    const auto watched = GuestCode::data + 8;
    for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        EventCode code(Event::db(watched));
        auto& guest = code.guest();
        EXPECT_FALSE(guest.can_land(Event::db(watched - 1)));
        EXPECT_TRUE(guest.can_land(Event::db(watched + 7)));
        EXPECT_FALSE(guest.can_land(Event::db(watched + 8)));
        ASSERT_TRUE(guest.can_land(Event::db(watched)));
        guest.land(Event::db(watched));
        EXPECT_TRUE(guest.has_trap());
        const auto stepper = make_stepper(kind, guest);
        {
            Walker walker(guest, *stepper);
            EXPECT_EQ(walker.settle().delivered, GATECRASH_VECTOR_DB);
        }
        EXPECT_EQ(number(guest.rip()), code.handler_address());
        EXPECT_FALSE(guest.has_trap());
        const auto& kept = code.run();
        EXPECT_EQ(kept.r9, code.write_address()) << "the instruction behind the one that reads";
        EXPECT_EQ(kept.r12 & 0xf, 1U) << "DR6.B0";
        EXPECT_EQ(kept.r14, 1U);
    }
}

TEST(ArmedWatchpoint, IsInTheGuestsOwnRegistersUntilARestore) {
    const auto watched = GuestCode::data + 8;
    EventCode code(Event::db());
    auto& guest = code.guest();
    EXPECT_FALSE(guest.can_land(Event::watch(watched))) << "interrupts are off: nobody can ask this CPU to arm it";
    auto regs = guest.cpu().regs();
    regs.rflags |= rflags_if;
    guest.cpu().set_regs(regs);
    const auto before = guest.snapshot();
    EXPECT_FALSE(guest.can_land(Event::watch(GATECRASH_KERNEL_BASE + 0x7fff'0000))) << "not mapped";
    ASSERT_TRUE(guest.can_land(Event::watch(watched)));
    guest.land(Event::watch(watched));
    EXPECT_FALSE(guest.delivery_due());
    const auto armed = guest.debug_registers();
    EXPECT_EQ(armed.db[0], watched);
    EXPECT_EQ(armed.dr7, 0x30401U) << "L0, R/W0 reads and writes, LEN0 a byte";
    EXPECT_FALSE(guest.can_land(Event::watch(watched))) << "DR0 is in use";
    guest.restore(before);
    EXPECT_EQ(guest.debug_registers().dr7, 0x400U);
    EXPECT_TRUE(guest.can_land(Event::watch(watched)));
}

TEST(MachineCheck, ComesThroughItsBank) {
    EventCode code(Event::mc());
    code.guest().land(Event::mc());
    const auto& regs = code.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r9, code.read_address());
    EXPECT_EQ(regs.r13, 5U) << "MCG_STATUS: MCIP and RIPV";
}

TEST(MachineCheck, DoesNotComeASecondTimeBeforeTheFirstIsDealtWith) {
    EventCode code(Event::mc(), false);
    auto& guest = code.guest();
    const auto before = guest.snapshot();
    guest.land(Event::mc());
    (void)code.run();
    EXPECT_FALSE(guest.can_land(Event::mc()));
    EXPECT_FALSE(guest.can_land(Event::mc(), guest.snapshot()));
    guest.restore(before);
    EXPECT_TRUE(guest.can_land(Event::mc()));
}

TEST(PageFault, IsOfTheInstructionsOwnPage) {
    EventCode code(Event::pf());
    code.guest().land(Event::pf());
    const auto& regs = code.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r8, 0x10U) << "a fetch";
    EXPECT_EQ(regs.r9, code.read_address());
    EXPECT_EQ(regs.r11, code.read_address());
    EXPECT_NE(regs.r10 & rflags_rf, 0U);
}

TEST(PageFault, IsOfAPageThatTheInstructionUses) {
    const auto read_page = Event::pf(GuestCode::data), written_page = Event::pf(GuestCode::data + page_size);
    EventCode reading(Event::pf());
    EXPECT_TRUE(reading.guest().can_land(read_page));
    EXPECT_FALSE(reading.guest().can_land(written_page));
    reading.guest().land(read_page);
    EXPECT_EQ(reading.run().r8, 0U) << "a read";
    EXPECT_EQ(reading.guest().cpu().regs().r11, GuestCode::data + 8) << "CR2";

    EventCode writing(Event::pf());
    writing.step_to_write();
    EXPECT_FALSE(writing.guest().can_land(read_page));
    EXPECT_TRUE(writing.guest().can_land(written_page));
    writing.guest().land(written_page);
    EXPECT_EQ(writing.run().r8, 2U) << "a write";
}

TEST(Exception, ComesAheadOfAnNmiWhichLandsOnItsHandlersFirstInstruction) {
    for (const auto event : {Event::db(), Event::mc(), Event::pf()}) {
        EventCode code(event);
        auto& guest = code.guest();
        const auto before = guest.snapshot();
        // Both at once, as the CPU orders them...
        guest.land(event);
        EXPECT_FALSE(guest.can_land(Event::pf())) << "one exception at a time";
        guest.land(Event::nmi());
        const auto together = code.run();
        EXPECT_EQ(together.rbx, code.handler_address());
        EXPECT_EQ(together.r15, 1U);
        // ...and one behind the other, as schedules have it.
        for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            guest.restore(before);
            guest.land(event);
            const auto stepper = make_stepper(kind, guest);
            stepper->enter();
            EXPECT_EQ(stepper->step().delivered, event.vector);
            EXPECT_EQ(number(guest.rip()), code.handler_address());
            EXPECT_TRUE(guest.can_deliver(Event::nmi()));
            guest.land(Event::nmi());
            EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
            stepper->leave();
            EXPECT_EQ(std::memcmp(&code.run(), &together, sizeof together), 0);
        }
    }
}

/// Where a CPU keeps NMIs masked (behaviour nmi-mask-over-entry) the harness unmasks them by an IRET of its own.
TEST(Nmi, IsUnmaskedWhateverInterruptsTheHarness) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.doorbell(GATECRASH_PORT_END);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_FATAL);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    const auto image = code.build("masked");
    {
        Guest guest(kvm_system(), image);
        EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
        guest.land(Event::nmi());
        EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
        EXPECT_EQ(guest.cpu().events().nmi.masked, 1);
        guest.cpu().request_immediate_exit();  // as the watchdog does that comes too late
    }
    Guest next(kvm_system(), image);
    EXPECT_EQ(next.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(next.cpu().events().nmi.masked, 0);
}

}  // namespace
}  // namespace gatecrash::vm
