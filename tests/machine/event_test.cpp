// Exceptions that the harness makes arrive: what the guest sees of them, and where they cannot come from.
#include "gatecrash/machine/event.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <utility>

#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"
#include "gatecrash/machine/tiny_guest.hpp"
#include "support/kvm_system.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::machine {
namespace {

using Xbyak::Label;

/// A guest that reads a word of its data and writes another one, with a handler for one vector that keeps what it is
/// handed: the error code (0 if there is none), the RIP and RFLAGS to return to, CR2, MCG_STATUS and DR6. Its NMI
/// handler keeps the RIP to return to.
class EventGuest {
  public:
    explicit EventGuest(Event event, bool ends_machine_check = true) {
        auto& k = guest_.kernel;
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
        k.mov(k.rsi, TinyGuest::data);
        k.doorbell(GATECRASH_PORT_BEGIN);
        read_ = k.getSize();
        k.mov(k.rbp, k.ptr[k.rsi + 8]);
        write_ = k.getSize();
        k.mov(k.qword[k.rsi + page_size], 1);
        k.doorbell(GATECRASH_PORT_END);
        guest_.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
        guest_.handle(event.vector, handler, event.kind == Event::Kind::pf ? 0 : GATECRASH_IST_MC);
        handler_ = guest_.kernel_address(handler);
        machine_ = std::make_unique<Machine>(kvm_system(), guest_.build("event"));
        EXPECT_EQ(explore::run_patiently(*machine_), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    }

    Machine& machine() { return *machine_; }
    /// Goes on to the instruction that writes.
    void step_to_write() {
        const auto stepper = make_stop_byte_stepper(*machine_);
        stepper->enter();
        EXPECT_FALSE(stepper->step().end);
        stepper->leave();
        EXPECT_EQ(number(machine_->rip()), write_address());
    }
    /// To END: what the handler kept.
    const kvm_regs& run() {
        EXPECT_EQ(explore::run_patiently(*machine_), Outcome{Doorbell{GATECRASH_PORT_END}}) << machine_->dump();
        return machine_->cpu().regs();
    }
    std::uint64_t read_address() const { return TinyGuest::kernel_text + read_; }
    std::uint64_t handler_address() const { return handler_; }
    std::uint64_t write_address() const { return TinyGuest::kernel_text + write_; }

  private:
    TinyGuest guest_;
    std::size_t read_ = 0, write_ = 0;
    std::uint64_t handler_ = 0;
    std::unique_ptr<Machine> machine_;
};

/// A guest that rings BEGIN and then END, and whose NMI handler rings FATAL in front of its IRET.
Image guest_with_nmi_handler() {
    TinyGuest guest;
    auto& k = guest.kernel;
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
    guest.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    guest.handle(GATECRASH_VECTOR_DB, db, GATECRASH_IST_DB);
    auto image = guest.build("masked");
    image.symbols = SymbolTable({{"db", Virtual{guest.kernel_address(db)}}});
    return image;
}

/// Leaves `machine` in its NMI handler.
void end_with_nmis_masked(Machine& machine) {
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    machine.land(Event::nmi());
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
    EXPECT_NE(machine.cpu().events().nmi.masked, 0);
}

TEST(NmiMask, IsNotThatOfTheMachineBefore) {
    {
        Machine before(kvm_system(), guest_with_nmi_handler());
        end_with_nmis_masked(before);
    }
    Machine machine(kvm_system(), guest_with_nmi_handler());
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(machine.cpu().events().nmi.masked, 0);
}

TEST(NmiMask, IsThatOfTheSnapshot) {
    Machine machine(kvm_system(), guest_with_nmi_handler());
    const auto booted = machine.snapshot();
    end_with_nmis_masked(machine);
    machine.restore(booted);
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(machine.cpu().events().nmi.masked, 0);
    // The NMI waits until the exception's delivery, so KVM leaves it to the CPU to say when NMIs are not masked.
    machine.land(Event::db());
    machine.land(Event::nmi());
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
    EXPECT_EQ(Virtual{machine.cpu().regs().rbx}, machine.image().symbols.find("db"));
}

TEST(Shadow, OfMovSsEndsBehindADoorbell) {
    TinyGuest guest;
    guest.load_segments();
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    Machine machine(kvm_system(), guest.build("shadow"));
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_TRUE(machine.can_deliver(Event::nmi()));
    EXPECT_EQ(machine.snapshot().events.interrupt.shadow, 0);
}

/// A guest with interrupts on between BEGIN and END, and a handler for `vector`.
Image guest_with_interrupts_on(std::uint8_t vector) {
    TinyGuest guest;
    auto& k = guest.kernel;
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
    guest.handle(vector, handler);
    return guest.build("interrupts on");
}

TEST(Interrupt, IsInServiceForAGuestThatLooks) {
    constexpr std::uint8_t vector = 0x81;
    constexpr Virtual in_service{TinyGuest::data + 0x40};
    const auto bits = [&](Machine& machine) {
        return machine.memory().read<std::array<std::uint64_t, 4>>(in_service).value();
    };
    auto image = guest_with_interrupts_on(vector);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Machine machine(kvm_system(), std::move(image));
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto before = machine.snapshot();
    machine.land(Event::irq(vector));
    EXPECT_EQ(bits(machine), (std::array<std::uint64_t, 4>{})) << "before it is delivered";
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_END}});
    EXPECT_EQ(machine.cpu().regs().r14, 1U);
    EXPECT_EQ(bits(machine), (std::array<std::uint64_t, 4>{0, 0, 2, 0}));
    machine.restore(before);
    EXPECT_EQ(bits(machine), (std::array<std::uint64_t, 4>{}));
}

TEST(Interrupt, DoesNotLandWhileOneOfItsPriorityIsInService) {
    constexpr Virtual in_service{TinyGuest::data + 0x40};
    auto image = guest_with_interrupts_on(0x81);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Machine machine(kvm_system(), std::move(image));
    const auto before = machine.snapshot();
    EXPECT_TRUE(machine.can_land(Event::irq(0x81)));
    const std::array<std::uint64_t, 4> bits{0, 0, 2, 0};  // that of vector 0x81
    ASSERT_TRUE(machine.memory().write(in_service, std::as_bytes(std::span(bits))));
    const auto during = machine.snapshot();
    for (const int vector : {0x20, 0x7f, 0x80, 0x81, 0x8f}) {
        EXPECT_FALSE(machine.can_land(Event::irq(static_cast<std::uint8_t>(vector)))) << vector;
        EXPECT_FALSE(machine.can_land(Event::irq(static_cast<std::uint8_t>(vector)), during)) << vector;
        EXPECT_TRUE(machine.can_land(Event::irq(static_cast<std::uint8_t>(vector)), before)) << vector;
    }
    EXPECT_TRUE(machine.can_land(Event::irq(0x90))) << "of a higher priority";
    EXPECT_TRUE(machine.can_land(Event::irq(0x90), during));
    EXPECT_TRUE(machine.can_land(Event::nmi()));
}

TEST(Interrupt, WithTheVectorOfAnExceptionIsOne) {
    Machine machine(kvm_system(), guest_with_interrupts_on(GATECRASH_VECTOR_DF));
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    machine.land(Event::irq(GATECRASH_VECTOR_DF));
    EXPECT_EQ(explore::run_patiently(machine), Outcome{Doorbell{GATECRASH_PORT_END}})
        << "no error code is pushed: " << machine.dump();
    EXPECT_EQ(machine.cpu().regs().r14, 1U);
}

TEST(DebugException, IsThatOfAnInstructionBreakpoint) {
    EventGuest guest(Event::db());
    guest.machine().land(Event::db());
    const auto& regs = guest.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r9, guest.read_address());
    EXPECT_EQ(regs.r10 & rflags_rf, 0U);
    EXPECT_EQ(regs.r12 & 0xf, 1U) << "DR6.B0";
}

TEST(DebugException, DoesNotComeWithRfSet) {
    EventGuest guest(Event::db());
    auto regs = guest.machine().cpu().regs();
    regs.rflags |= rflags_rf;
    guest.machine().cpu().set_regs(regs);
    EXPECT_FALSE(guest.machine().can_land(Event::db()));
    EXPECT_TRUE(guest.machine().can_land(Event::mc()));
}

TEST(Watchpoint, TrapsBehindTheInstructionThatUsesItsByte) {
    const auto watched = TinyGuest::data + 8;
    for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        EventGuest guest(Event::db(watched));
        auto& machine = guest.machine();
        EXPECT_FALSE(machine.can_land(Event::db(watched - 1)));
        EXPECT_TRUE(machine.can_land(Event::db(watched + 7)));
        EXPECT_FALSE(machine.can_land(Event::db(watched + 8)));
        ASSERT_TRUE(machine.can_land(Event::db(watched)));
        machine.land(Event::db(watched));
        EXPECT_TRUE(machine.has_trap());
        const auto stepper = make_stepper(kind, machine);
        {
            explore::Walker walker(machine, *stepper);
            EXPECT_EQ(walker.settle().delivered, GATECRASH_VECTOR_DB);
        }
        EXPECT_EQ(number(machine.rip()), guest.handler_address());
        EXPECT_FALSE(machine.has_trap());
        const auto& kept = guest.run();
        EXPECT_EQ(kept.r9, guest.write_address()) << "the instruction behind the one that reads";
        EXPECT_EQ(kept.r12 & 0xf, 1U) << "DR6.B0";
        EXPECT_EQ(kept.r14, 1U);
    }
}

TEST(ArmedWatchpoint, IsInTheGuestsOwnRegistersUntilARestore) {
    const auto watched = TinyGuest::data + 8;
    EventGuest guest(Event::db());
    auto& machine = guest.machine();
    EXPECT_FALSE(machine.can_land(Event::watch(watched))) << "interrupts are off: nobody can ask this CPU to arm it";
    auto regs = machine.cpu().regs();
    regs.rflags |= rflags_if;
    machine.cpu().set_regs(regs);
    const auto before = machine.snapshot();
    EXPECT_FALSE(machine.can_land(Event::watch(GATECRASH_KERNEL_BASE + 0x7fff'0000))) << "not mapped";
    ASSERT_TRUE(machine.can_land(Event::watch(watched)));
    machine.land(Event::watch(watched));
    EXPECT_FALSE(machine.delivery_due());
    const auto armed = machine.debug_registers();
    EXPECT_EQ(armed.db[0], watched);
    EXPECT_EQ(armed.dr7, 0x30401U) << "L0, R/W0 reads and writes, LEN0 a byte";
    EXPECT_FALSE(machine.can_land(Event::watch(watched))) << "DR0 is in use";
    machine.restore(before);
    EXPECT_EQ(machine.debug_registers().dr7, 0x400U);
    EXPECT_TRUE(machine.can_land(Event::watch(watched)));
}

TEST(MachineCheck, ComesThroughItsBank) {
    EventGuest guest(Event::mc());
    guest.machine().land(Event::mc());
    const auto& regs = guest.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r9, guest.read_address());
    EXPECT_EQ(regs.r13, 5U) << "MCG_STATUS: MCIP and RIPV";
}

TEST(MachineCheck, DoesNotComeASecondTimeBeforeTheFirstIsDealtWith) {
    EventGuest guest(Event::mc(), false);
    auto& machine = guest.machine();
    const auto before = machine.snapshot();
    machine.land(Event::mc());
    (void)guest.run();
    EXPECT_FALSE(machine.can_land(Event::mc()));
    EXPECT_FALSE(machine.can_land(Event::mc(), machine.snapshot()));
    machine.restore(before);
    EXPECT_TRUE(machine.can_land(Event::mc()));
}

TEST(PageFault, IsOfTheInstructionsOwnPage) {
    EventGuest guest(Event::pf());
    guest.machine().land(Event::pf());
    const auto& regs = guest.run();
    EXPECT_EQ(regs.r14, 1U);
    EXPECT_EQ(regs.r8, 0x10U) << "a fetch";
    EXPECT_EQ(regs.r9, guest.read_address());
    EXPECT_EQ(regs.r11, guest.read_address());
    EXPECT_NE(regs.r10 & rflags_rf, 0U);
}

TEST(PageFault, IsOfAPageThatTheInstructionUses) {
    const auto read_page = Event::pf(TinyGuest::data), written_page = Event::pf(TinyGuest::data + page_size);
    EventGuest reading(Event::pf());
    EXPECT_TRUE(reading.machine().can_land(read_page));
    EXPECT_FALSE(reading.machine().can_land(written_page));
    reading.machine().land(read_page);
    EXPECT_EQ(reading.run().r8, 0U) << "a read";
    EXPECT_EQ(reading.machine().cpu().regs().r11, TinyGuest::data + 8) << "CR2";

    EventGuest writing(Event::pf());
    writing.step_to_write();
    EXPECT_FALSE(writing.machine().can_land(read_page));
    EXPECT_TRUE(writing.machine().can_land(written_page));
    writing.machine().land(written_page);
    EXPECT_EQ(writing.run().r8, 2U) << "a write";
}

TEST(Exception, ComesAheadOfAnNmiWhichLandsOnItsHandlersFirstInstruction) {
    for (const auto event : {Event::db(), Event::mc(), Event::pf()}) {
        EventGuest guest(event);
        auto& machine = guest.machine();
        const auto before = machine.snapshot();
        // Both at once, as the CPU orders them...
        machine.land(event);
        EXPECT_FALSE(machine.can_land(Event::pf())) << "one exception at a time";
        machine.land(Event::nmi());
        const auto together = guest.run();
        EXPECT_EQ(together.rbx, guest.handler_address());
        EXPECT_EQ(together.r15, 1U);
        // ...and one behind the other, as schedules have it.
        for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            machine.restore(before);
            machine.land(event);
            const auto stepper = make_stepper(kind, machine);
            stepper->enter();
            EXPECT_EQ(stepper->step().delivered, event.vector);
            EXPECT_EQ(number(machine.rip()), guest.handler_address());
            EXPECT_TRUE(machine.can_deliver(Event::nmi()));
            machine.land(Event::nmi());
            EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
            stepper->leave();
            EXPECT_EQ(std::memcmp(&guest.run(), &together, sizeof together), 0);
        }
    }
}

/// Where a CPU keeps NMIs masked (behaviour nmi-mask-over-entry) the harness unmasks them by an IRET of its own.
TEST(Nmi, IsUnmaskedWhateverInterruptsTheHarness) {
    TinyGuest guest;
    auto& k = guest.kernel;
    Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.doorbell(GATECRASH_PORT_END);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_FATAL);
    guest.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    const auto image = guest.build("masked");
    {
        Machine machine(kvm_system(), image);
        EXPECT_EQ(machine.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
        machine.land(Event::nmi());
        EXPECT_EQ(machine.run(), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
        EXPECT_EQ(machine.cpu().events().nmi.masked, 1);
        machine.cpu().request_immediate_exit();  // as the watchdog does that comes too late
    }
    Machine next(kvm_system(), image);
    EXPECT_EQ(next.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(next.cpu().events().nmi.masked, 0);
}

}  // namespace
}  // namespace gatecrash::machine
