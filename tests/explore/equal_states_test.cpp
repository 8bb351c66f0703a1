// Two schedules lead to the same run: told by their states, and by nothing less.
#include "equal_states.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "gatecrash/machine/tiny_guest.hpp"
#include "support/kvm_system.hpp"
#include "walker.hpp"

namespace gatecrash::explore {
namespace {

using machine::Event;
using machine::Machine;
using machine::Snapshot;
using machine::TinyGuest;
using machine::Virtual;
using Xbyak::Label;

constexpr auto interrupts_on = 0x202;

/// Has a handler on a stack of its own for NMI, #DB and #MC, and on the current one for interrupts and #PF. It is
/// stopped in front of a NOP at CPL 0 or 3, interrupts on.
std::unique_ptr<Machine> stopped_guest(bool in_user_code) {
    TinyGuest guest;
    auto& k = guest.kernel;
    Label start;
    k.jmp(start, machine::Code::T_NEAR);
    const std::pair<std::uint8_t, unsigned> handled[] = {{GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI},
                                                         {GATECRASH_VECTOR_DB, GATECRASH_IST_DB},
                                                         {GATECRASH_VECTOR_MC, GATECRASH_IST_MC},
                                                         {GATECRASH_DEFAULT_IRQ, 0},
                                                         {GATECRASH_VECTOR_PF, 0}};
    for (const auto& [vector, ist] : handled) {
        Label handler;
        k.L(handler);
        k.doorbell(GATECRASH_PORT_FATAL);
        guest.handle(vector, handler, ist);
    }
    k.L(start);
    if (in_user_code) {
        guest.enter_user(interrupts_on);
    } else {
        k.push(interrupts_on);
        k.popfq();
        k.push(1);
        k.doorbell(GATECRASH_PORT_BEGIN);
        k.nop();
    }
    guest.user.doorbell(GATECRASH_PORT_BEGIN);
    guest.user.nop();
    auto machine = std::make_unique<Machine>(kvm_system(), guest.build("stopped"));
    EXPECT_EQ(machine->run(), machine::Outcome{machine::Doorbell{GATECRASH_PORT_BEGIN}});
    return machine;
}

class PushedFrame : public testing::TestWithParam<std::tuple<Event, bool>> {};

TEST_P(PushedFrame, IsWhatTheDeliveryOverwrites) {
    const auto [event, in_user_code] = GetParam();
    const auto machine = stopped_guest(in_user_code);
    const auto before = machine->snapshot();
    const auto range = frame_pushed_by(event, *machine, before);
    ASSERT_NE(range, AddressRange{});
    const std::vector<std::byte> pattern(range.last - range.first, std::byte{0x5a});
    ASSERT_TRUE(machine->memory().write(Virtual{range.first}, pattern));
    const auto filled = machine->snapshot();

    machine->land(event);
    const auto stepper = make_stepper(machine::StepperKind::stop_bytes, *machine);
    {
        Walker walker(*machine, *stepper);
        ASSERT_EQ(walker.settle().delivered, event.vector);
    }
    EXPECT_EQ(machine->cpu().regs().rsp, range.first);
    for (auto word = range.first; word < range.last; word += 8) {
        EXPECT_NE(machine->memory().read<std::uint64_t>(Virtual{word}), 0x5a5a5a5a5a5a5a5a) << word - range.first;
    }
    ASSERT_TRUE(machine->memory().write(Virtual{range.first}, pattern));
    EXPECT_TRUE(machine->memory().equals(filled.pages));
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
    const auto machine = stopped_guest(false);
    const auto at = machine->snapshot();
    const auto with = [&](auto change) {
        auto changed = at;
        change(changed);
        return frame_pushed_by(Event::nmi(), *machine, changed);
    };
    EXPECT_NE(with([](Snapshot&) {}), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.nmi.masked = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.nmi.pending = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.interrupt.shadow = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.events.exception.injected = 1; }), AddressRange{});
    EXPECT_EQ(with([](Snapshot& s) { s.latched_irq = 0x20; }), AddressRange{});
}

TEST(PushedFrame, IsUnknownWhereTheDeliveryMayFault) {
    const auto machine = stopped_guest(false);
    const auto at = machine->snapshot();
    const auto with = [&](Event event, auto change) {
        auto changed = at;
        change(changed);
        return frame_pushed_by(event, *machine, changed);
    };
    const auto nmi = Event::nmi(), irq = Event::irq();
    EXPECT_NE(with(irq, [](Snapshot&) {}), AddressRange{});
    EXPECT_EQ(with(irq, [](Snapshot& s) { s.regs.rsp = 0x1000; }), AddressRange{}) << "no memory there";
    EXPECT_EQ(with(irq, [](Snapshot& s) { s.regs.rsp = TinyGuest::kernel_text + 0x100; }), AddressRange{})
        << "not writable";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.idt.limit = 15; }), AddressRange{}) << "no gate";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.idt.base = TinyGuest::data; }), AddressRange{}) << "zeros for a gate";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.gdt.base = TinyGuest::data; }), AddressRange{}) << "no segment";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.tr.limit = 20; }), AddressRange{}) << "no stack in the TSS";
    EXPECT_EQ(with(nmi, [](Snapshot& s) { s.sregs.cr3 = 0x5000; }), AddressRange{}) << "other page tables";
}

class EqualStartsTest : public testing::Test {
  protected:
    void write(std::uint64_t address, std::uint64_t value) {
        ASSERT_TRUE(machine_->memory().write(Virtual{address}, std::as_bytes(std::span(&value, 1))));
    }
    bool is_new(const Snapshot& state, std::vector<LandedEvent> landed = {{Event::nmi(), 0}}, unsigned more = 1) {
        const auto digest = digest_of(machine_->memory(), state);
        return starts_.is_new({&state, &digest, landed.back().event, &landed, 0, more});
    }
    Snapshot now() { return machine_->snapshot(); }

    std::unique_ptr<Machine> machine_ = stopped_guest(false);
    EqualStarts starts_{*machine_};
};

TEST_F(EqualStartsTest, AreThoseThatDifferOnlyInWhatIsOverwritten) {
    write(TinyGuest::stack(GATECRASH_IST_NMI) - 8, 1);
    EXPECT_TRUE(is_new(now()));
    EXPECT_FALSE(is_new(now()));
    write(TinyGuest::stack(GATECRASH_IST_NMI) - 40, 2);
    EXPECT_FALSE(is_new(now()));
    write(TinyGuest::stack(GATECRASH_IST_NMI) - 48, 3);
    EXPECT_TRUE(is_new(now())) << "one word below the frame";
    write(TinyGuest::data, 4);
    EXPECT_TRUE(is_new(now()));
    starts_.forget();
    EXPECT_TRUE(is_new(now()));
}

TEST_F(EqualStartsTest, AreEqualWhicheverPagesWereWrittenOnTheWay) {
    EXPECT_TRUE(is_new(now()));
    write(TinyGuest::data, 1);
    write(TinyGuest::data, 0);
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
    EXPECT_TRUE(differs([](Snapshot& s) { ++s.msrs[0]; }));
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
    EXPECT_TRUE(is_new(now(), {{Event::watch(TinyGuest::data), 0}, {Event::nmi(), 1}}));
    EXPECT_TRUE(is_new(now(), {{Event::watch(TinyGuest::data + 8), 0}, {Event::nmi(), 1}}));
    EXPECT_FALSE(is_new(now(), {{Event::watch(TinyGuest::data), 1}, {Event::nmi(), 1}})) << "armed is armed";
}

TEST_F(EqualStartsTest, ThatArmAWatchpointOverwriteNothing) {
    const auto watch = Event::watch(TinyGuest::data);
    EXPECT_EQ(frame_pushed_by(watch, *machine_, now()), AddressRange{});
    EXPECT_TRUE(is_new(now(), {{watch, 0}}));
    EXPECT_FALSE(is_new(now(), {{watch, 0}}));
    write(TinyGuest::stack(GATECRASH_IST_DB) - 8, 1);
    EXPECT_TRUE(is_new(now(), {{watch, 0}})) << "a #DB will overwrite it, or never come";
}

}  // namespace
}  // namespace gatecrash::explore
