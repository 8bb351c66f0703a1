// Tests that only equal states make two schedules count as the same run.
#include "sweep/equal_states.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "support/kvm_system.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;
using vm::Guest;
using vm::GuestCode;
using vm::Snapshot;
using vm::Virtual;
using Xbyak::Label;

constexpr auto interrupts_on = 0x202;

/// Returns a guest that is stopped before a NOP at CPL 0 or 3, with interrupts on. Its handlers of NMI, #DB and #MC
/// have stacks of their own; those of interrupts and #PF use the current stack.
std::unique_ptr<Guest> stopped_guest(bool in_user_code) {
    GuestCode code;
    auto& k = code.kernel;
    Label start;
    k.jmp(start, vm::Code::T_NEAR);
    const std::pair<std::uint8_t, unsigned> handled[] = {{GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI},
                                                         {GATECRASH_VECTOR_DB, GATECRASH_IST_DB},
                                                         {GATECRASH_VECTOR_MC, GATECRASH_IST_MC},
                                                         {GATECRASH_DEFAULT_IRQ, 0},
                                                         {GATECRASH_VECTOR_PF, 0}};
    for (const auto& [vector, ist] : handled) {
        Label handler;
        k.L(handler);
        k.doorbell(GATECRASH_PORT_FATAL);
        code.handle(vector, handler, ist);
    }
    k.L(start);
    if (in_user_code) {
        code.enter_user(interrupts_on);
    } else {
        k.push(interrupts_on);
        k.popfq();
        k.push(1);
        k.doorbell(GATECRASH_PORT_BEGIN);
        k.nop();
    }
    code.user.doorbell(GATECRASH_PORT_BEGIN);
    code.user.nop();
    auto guest = std::make_unique<Guest>(kvm_system(), code.build("stopped"));
    EXPECT_EQ(guest->run(), vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}});
    return guest;
}

class PushedFrame : public testing::TestWithParam<std::tuple<Event, bool>> {};

TEST_P(PushedFrame, IsWhatTheDeliveryOverwrites) {
    const auto [event, in_user_code] = GetParam();
    const auto guest = stopped_guest(in_user_code);
    const auto before = guest->snapshot();
    const auto range = frame_pushed_by(event, *guest, before);
    ASSERT_NE(range, AddressRange{});
    const std::vector<std::byte> pattern(range.last - range.first, std::byte{0x5a});
    ASSERT_TRUE(guest->memory().write(Virtual{range.first}, pattern));
    const auto filled = guest->snapshot();

    guest->land(event);
    const auto stepper = make_stepper(vm::StepperKind::stop_bytes, *guest);
    {
        vm::Walker walker(*guest, *stepper);
        ASSERT_EQ(walker.settle().delivered, event.vector);
    }
    EXPECT_EQ(guest->cpu().regs().rsp, range.first);
    for (auto word = range.first; word < range.last; word += 8) {
        EXPECT_NE(guest->memory().read<std::uint64_t>(Virtual{word}), 0x5a5a5a5a5a5a5a5a) << word - range.first;
    }
    ASSERT_TRUE(guest->memory().write(Virtual{range.first}, pattern));
    EXPECT_TRUE(guest->memory().equals(filled.pages));
}

INSTANTIATE_TEST_SUITE_P(Of, PushedFrame,
                         testing::Combine(testing::Values(Event::nmi(), Event::irq(), Event::db(), Event::mc(),
                                                          Event::pf()),
                                          testing::Bool()),
                         [](const auto& info) {
                             return std::to_string(std::get<0>(info.param).vector) +
                                    (std::get<1>(info.param) ? "InUserCode" : "InTheKernel");
                         });

TEST(PushedFrame, IsUnknownWhereSomethingElseComesFirst) {
    const auto guest = stopped_guest(false);
    const auto at = guest->snapshot();
    const auto with = [&](auto change) {
        auto changed = at;
        change(changed);
        return frame_pushed_by(Event::nmi(), *guest, changed);
    };
    EXPECT_NE(with([](Snapshot&) {}), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.nmi.masked = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.nmi.pending = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.interrupt.shadow = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.exception.injected = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.latched_irq = 0x20; }), AddressRange{});
}

TEST(PushedFrame, IsUnknownWhereTheDeliveryMayFault) {
    const auto guest = stopped_guest(false);
    const auto at = guest->snapshot();
    const auto with = [&](Event event, auto change) {
        auto changed = at;
        change(changed);
        return frame_pushed_by(event, *guest, changed);
    };
    const auto nmi = Event::nmi(), irq = Event::irq();
    EXPECT_NE(with(irq, [](Snapshot&) {}), AddressRange{});
    EXPECT_EQ(with(irq, [](Snapshot& s) { s.regs.rsp = 0x1000; }), AddressRange{}) << "no memory there";
    EXPECT_EQ(with(irq, [](Snapshot& s) { s.regs.rsp = GuestCode::kernel_text + 0x100; }), AddressRange{})
        << "not writable";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.idt.limit = 15; }), AddressRange{}) << "no gate";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.idt.base = GuestCode::data; }), AddressRange{}) << "zeros for a gate";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.gdt.base = GuestCode::data; }), AddressRange{}) << "no segment";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.tr.limit = 20; }), AddressRange{}) << "no stack in the TSS";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.cr3 = 0x5000; }), AddressRange{}) << "other page tables";
}

class EqualStartsTest : public testing::Test {
  protected:
    void write(std::uint64_t address, std::uint64_t value) {
        ASSERT_TRUE(guest_->memory().write(Virtual{address}, std::as_bytes(std::span(&value, 1))));
    }
    bool is_new(const Snapshot& state, std::vector<LandedEvent> landed = {{Event::nmi(), 0}}, unsigned more = 1) {
        const auto digest = digest_of(guest_->memory(), state);
        return starts_.is_new({&state, &digest, landed.back().event, &landed, 0, more});
    }
    Snapshot now() { return guest_->snapshot(); }

    std::unique_ptr<Guest> guest_ = stopped_guest(false);
    EqualStarts starts_{*guest_};
};

TEST_F(EqualStartsTest, AreThoseThatDifferOnlyInWhatIsOverwritten) {
    write(GuestCode::stack(GATECRASH_IST_NMI) - 8, 1);
    EXPECT_TRUE(is_new(now()));
    EXPECT_FALSE(is_new(now()));
    write(GuestCode::stack(GATECRASH_IST_NMI) - 40, 2);
    EXPECT_FALSE(is_new(now()));
    write(GuestCode::stack(GATECRASH_IST_NMI) - 48, 3);
    EXPECT_TRUE(is_new(now())) << "one word below the frame";
    write(GuestCode::data, 4);
    EXPECT_TRUE(is_new(now()));
    starts_.forget();
    EXPECT_TRUE(is_new(now()));
}

TEST_F(EqualStartsTest, AreEqualWhicheverPagesWereWrittenOnTheWay) {
    EXPECT_TRUE(is_new(now()));
    write(GuestCode::data, 1);
    write(GuestCode::data, 0);
    EXPECT_FALSE(is_new(now()));
}

TEST_F(EqualStartsTest, DifferInEachPartOfTheCpu) {
    EXPECT_TRUE(is_new(now()));
    const auto differs = [&](auto change) {
        auto state = now();
        change(state);
        return is_new(state);
    };
    EXPECT_TRUE(differs([](Snapshot& s) { ++s.regs.r15; }));
    EXPECT_TRUE(differs([](Snapshot& s) { s.regs.rflags ^= 0x400; }));
    EXPECT_TRUE(differs([](Snapshot& s) { ++s.sregs.gs.base; }));
    EXPECT_TRUE(differs([](Snapshot& s) { ++s.msrs.kernel_gs_base; }));
    EXPECT_TRUE(differs([](Snapshot& s) { ++s.debug_registers.db[3]; }));
    EXPECT_TRUE(differs([](Snapshot& s) { s.events.nmi.masked = 1; }));
    EXPECT_TRUE(differs([](Snapshot& s) { s.latched_irq = 0x20; }));
    EXPECT_TRUE(differs([](Snapshot& s) { s.latched_irq = 0x21; }));
}

TEST_F(EqualStartsTest, DifferInWhatTheyAreCheckedAgainst) {
    EXPECT_TRUE(is_new(now()));
    EXPECT_TRUE(is_new(now(), {{Event::nmi(), 1}}));
    EXPECT_TRUE(is_new(now(), {{Event::irq(), 0}}));
    EXPECT_TRUE(is_new(now(), {{Event::irq(0x30), 0}, {Event::nmi(), 1}}));
    EXPECT_TRUE(is_new(now(), {{Event::nmi(), 0}, {Event::nmi(), 1}}));
    EXPECT_FALSE(is_new(now(), {{Event::nmi(), 1}, {Event::nmi(), 1}})) << "only the last one's place counts";
    EXPECT_TRUE(is_new(now(), {{Event::nmi(), 0}}, 2));
    EXPECT_TRUE(is_new(now(), {{Event::watch(GuestCode::data), 0}, {Event::nmi(), 1}}));
    EXPECT_TRUE(is_new(now(), {{Event::watch(GuestCode::data + 8), 0}, {Event::nmi(), 1}}));
    EXPECT_FALSE(is_new(now(), {{Event::watch(GuestCode::data), 1}, {Event::nmi(), 1}})) << "armed is armed";
}

TEST_F(EqualStartsTest, ThatArmAWatchpointOverwriteNothing) {
    const auto watch = Event::watch(GuestCode::data);
    EXPECT_EQ(frame_pushed_by(watch, *guest_, now()), AddressRange{});
    EXPECT_TRUE(is_new(now(), {{watch, 0}}));
    EXPECT_FALSE(is_new(now(), {{watch, 0}}));
    write(GuestCode::stack(GATECRASH_IST_DB) - 8, 1);
    EXPECT_TRUE(is_new(now(), {{watch, 0}})) << "a #DB will overwrite it, or never come";
}

}  // namespace
}  // namespace gatecrash::sweep
