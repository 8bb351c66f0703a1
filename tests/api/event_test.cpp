// Lands exceptions and NMIs, and checks what the guest sees of them and where they cannot land.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "api/access.hpp"
#include "gatecrash/gatecrash.hpp"
#include "support/opened_kvm.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::api {
namespace {

using vm::StepperKind;

constexpr std::uint64_t rf = vm::rflags_rf;

/// Returns the address of the first instruction of the handler of `vector`, from its gate.
std::uint64_t handler_of(Guest& guest, Vector vector) {
    std::array<std::byte, vm::max_gate_size> gate{};
    guest.read(guest.special_registers().idt.base + static_cast<unsigned>(vector) * gate.size(), gate);
    return number(vm::decode_gate(gate).target);
}

/// A guest stopped at BEGIN. It then reads a word of its data, writes a word of its stack, and rings END. It records
/// NMIs and `vector`. A machine check's handler stores MCG_STATUS, and clears it only if `ends_machine_check`.
class EventCode : public GuestCode {
  public:
    explicit EventCode(Vector vector, bool ends_machine_check = true) {
        on(Vector::nmi);
        on(vector);
        if (vector == Vector::mc) keep_mcg_status(ends_machine_check);
        kernel.mov(kernel.rsi, data);
        kernel.ring(Doorbell::begin());
        read = kernel.here();
        kernel.mov(kernel.rbp, kernel.ptr[kernel.rsi + 8]);
        write = kernel.here();
        kernel.mov(kernel.qword[kernel.rsp - 8], 1);
        kernel.ring(Doorbell::end());
        guest.emplace(opened_kvm(), *this).run_to(Doorbell::begin());
    }

    [[nodiscard]] vm::Guest& inside() { return guest_of(*guest); }
    /// Runs to the end, and returns the only delivery.
    DeliveryRecord only_delivery() {
        const auto records = guest->run_to(Doorbell::end()).records();
        EXPECT_EQ(records.size(), 1U);
        return records.empty() ? DeliveryRecord() : records.front();
    }

    std::uint64_t read = 0, write = 0;  ///< addresses of the instructions
    static constexpr std::uint64_t mcg_status = data + 0x20;
    std::optional<Guest> guest;

  private:
    void keep_mcg_status(bool clears) {
        on(Vector::mc).run([clears](Code& k) {
            k.mov(k.ecx, 0x17a);
            k.rdmsr();
            k.mov(k.rbx, mcg_status);
            k.mov(k.ptr[k.rbx], k.eax);
            k.xor_(k.eax, k.eax);
            if (clears) k.wrmsr();
        });
    }
};

/// Leaves the guest in its NMI handler.
struct MaskingCode : GuestCode {
    MaskingCode() {
        on(Vector::nmi).ring(Doorbell::done());
        on(Vector::db);
        kernel.ring(Doorbell::begin());
        kernel.nop();
        kernel.ring(Doorbell::end());
    }
    static void end_with_nmis_masked(Guest& guest) {
        guest.run_to(Doorbell::begin()).land(Event::nmi());
        guest.run_to(Doorbell::done());
        EXPECT_NE(guest.events().nmi.masked, 0);
    }
};

TEST(NmiMask, IsNotThatOfTheMachineBefore) {
    MaskingCode code;
    {
        Guest before(opened_kvm(), code);
        MaskingCode::end_with_nmis_masked(before);
    }
    Guest guest(opened_kvm(), code);
    EXPECT_EQ(guest.run_to(Doorbell::begin()).events().nmi.masked, 0);
}

TEST(NmiMask, IsThatOfTheSnapshot) {
    MaskingCode code;
    Guest guest(opened_kvm(), code);
    const auto booted = guest.snapshot();
    MaskingCode::end_with_nmis_masked(guest);
    guest.restore(booted);
    EXPECT_EQ(guest.run_to(Doorbell::begin()).events().nmi.masked, 0);
    // The NMI waits for the delivery of the exception, so KVM makes the CPU report when NMIs are unmasked.
    guest.land(Event::db());
    guest.land(Event::nmi());
    EXPECT_EQ(guest.run_to(Doorbell::done()).deliveries(), (Deliveries{{Vector::nmi, handler_of(guest, Vector::db)}}));
}

TEST(DebugException, IsThatOfAnInstructionBreakpoint) {
    EventCode code(Vector::db);
    code.guest->land(Event::db());
    const auto record = code.only_delivery();
    EXPECT_EQ(record.delivery, (Delivery{Vector::db, code.read}));
    EXPECT_EQ(record.rflags & rf, 0U);
    EXPECT_EQ(record.dr6 & 0xf, 1U) << "DR6.B0";
}

TEST(DebugException, DoesNotComeWithRfSet) {
    EventCode code(Vector::db);
    auto registers = code.guest->registers();
    registers.rflags |= rf;
    code.guest->set_registers(registers);
    EXPECT_THROW(code.guest->land(Event::db()), CannotLand);
    EXPECT_EQ(code.guest->why_not(Event::mc()), std::nullopt);
}

TEST(Watchpoint, TrapsAfterTheInstructionThatUsesItsByte) {
    constexpr auto watched = GuestCode::data + 8;
    for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        EventCode code(Vector::db);
        auto& guest = code.inside();
        EXPECT_FALSE(guest.can_land(Event::db(watched - 1)));
        EXPECT_TRUE(guest.can_land(Event::db(watched + 7)));
        EXPECT_FALSE(guest.can_land(Event::db(watched + 8)));
        ASSERT_TRUE(guest.can_land(Event::db(watched)));
        guest.land(Event::db(watched));
        EXPECT_TRUE(guest.has_trap());
        const auto stepper = make_stepper(kind, guest);
        {
            vm::Walker walker(guest, *stepper);
            EXPECT_EQ(walker.settle().delivered, GATECRASH_VECTOR_DB);
        }
        EXPECT_EQ(code.guest->rip(), handler_of(*code.guest, Vector::db));
        EXPECT_FALSE(guest.has_trap());
        const auto record = code.only_delivery();
        EXPECT_EQ(record.delivery, (Delivery{Vector::db, code.write})) << "after the instruction that reads";
        EXPECT_EQ(record.dr6 & 0xf, 1U) << "DR6.B0";
    }
}

TEST(ArmedWatchpoint, IsInTheGuestsOwnRegistersUntilARestore) {
    constexpr auto watched = GuestCode::data + 8;
    EventCode code(Vector::db);
    auto& guest = code.inside();
    EXPECT_FALSE(guest.can_land(Event::watch(watched))) << "interrupts are off: nobody can ask this CPU to arm it";
    auto registers = code.guest->registers();
    registers.rflags |= vm::rflags_if;
    code.guest->set_registers(registers);
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
    EventCode code(Vector::mc);
    code.guest->land(Event::mc());
    EXPECT_EQ(code.only_delivery().delivery, (Delivery{Vector::mc, code.read}));
    EXPECT_EQ(code.guest->read<std::uint32_t>(EventCode::mcg_status), 5U) << "MCIP and RIPV";
}

TEST(MachineCheck, DoesNotArriveAgainBeforeTheFirstIsHandled) {
    EventCode code(Vector::mc, false);
    auto& guest = code.inside();
    const auto before = guest.snapshot();
    guest.land(Event::mc());
    (void)code.only_delivery();
    EXPECT_FALSE(guest.can_land(Event::mc()));
    EXPECT_FALSE(guest.can_land(Event::mc(), guest.snapshot()));
    guest.restore(before);
    EXPECT_TRUE(guest.can_land(Event::mc()));
}

TEST(PageFault, IsOfTheInstructionsOwnPage) {
    EventCode code(Vector::pf);
    code.guest->land(Event::pf());
    const auto record = code.only_delivery();
    EXPECT_EQ(record.delivery, (Delivery{Vector::pf, code.read, 0, 0x10})) << "a fetch";
    EXPECT_EQ(record.cr2, code.read);
    EXPECT_NE(record.rflags & rf, 0U);
}

TEST(PageFault, IsOfAPageThatTheInstructionUses) {
    EventCode reading(Vector::pf);
    const auto read_page = Event::pf(GuestCode::data), written_page = Event::pf(reading.guest->registers().rsp - 8);
    EXPECT_THROW(reading.guest->land(written_page), CannotLand);
    reading.guest->land(read_page);
    const auto read = reading.only_delivery();
    EXPECT_EQ(read.delivery, (Delivery{Vector::pf, reading.read, 0, 0}));
    EXPECT_EQ(read.cr2, GuestCode::data + 8);

    EventCode writing(Vector::pf);
    (void)writing.guest->step();
    EXPECT_EQ(writing.guest->rip(), writing.write);
    EXPECT_THROW(writing.guest->land(read_page), CannotLand);
    writing.guest->land(written_page);
    EXPECT_EQ(writing.only_delivery().delivery, (Delivery{Vector::pf, writing.write, 0, 2})) << "a write";
}

TEST(Exception, ComesAheadOfAnNmiWhichLandsOnItsHandlersFirstInstruction) {
    for (const auto event : {Event::db(), Event::mc(), Event::pf()}) {
        const Vector vector{event.vector};
        EventCode code(vector);
        auto& guest = *code.guest;
        auto& inside = code.inside();
        const auto before = guest.snapshot();
        const auto handler = handler_of(guest, vector);
        // Lands both at once, and the CPU orders them.
        guest.land(event);
        EXPECT_THROW(guest.land(Event::pf()), CannotLand) << "one exception at a time";
        guest.land(Event::nmi());
        const auto deliveries = guest.run_to(Doorbell::end()).deliveries();
        ASSERT_EQ(deliveries.size(), 2U);
        EXPECT_EQ(deliveries[0], (Delivery{Vector::nmi, handler})) << "the exception's handler has not recorded yet";
        EXPECT_EQ(deliveries[1].vector, vector);
        const auto registers = guest.registers();
        // Lands one after the other, as schedules do.
        for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            guest.restore(before);
            guest.land(event);
            const auto stepper = make_stepper(kind, inside);
            stepper->enter();
            EXPECT_EQ(stepper->step().delivered, event.vector);
            EXPECT_EQ(guest.rip(), handler);
            EXPECT_TRUE(inside.can_deliver(Event::nmi()));
            inside.land(Event::nmi());
            EXPECT_EQ(stepper->step().delivered, GATECRASH_VECTOR_NMI);
            stepper->leave();
            EXPECT_EQ(guest.run_to(Doorbell::end()).deliveries(), deliveries);
            const auto now = guest.registers();
            EXPECT_EQ(std::memcmp(&now, &registers, sizeof now), 0);
        }
    }
}

}  // namespace
}  // namespace gatecrash::api
