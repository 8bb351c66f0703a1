// Tests the harness on CPUs and kernels that nobody has here: the same sweeps give the same results.
#include "kvm/shim.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cases/registry.hpp"
#include "qualify/qualify.hpp"
#include "support/kvm_system.hpp"
#include "support/shims.hpp"
#include "support/swept_guest.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash {
namespace {

/// Variants that leave NMIs latched where they break, or that return to CPL 3 by each way.
constexpr std::array sample{"nested-nmi/single-stack", "nested-nmi/flag-only", "nested-nmi/copied-frame",
                            "swapgs/paranoid-by-cs"};

kvm::System system_with(const kvm::ShimFactory& make_shim) {
    auto system = kvm::System::open();
    system.put_between(make_shim);
    return system;
}

using vm::quirks::Repairs;

/// Returns the result of a variant of the sample.
sweep::SweepResult result_of(const std::string& name, const kvm::System& system, Repairs repairs) {
    for (const auto* of : cases::all_cases()) {
        for (const auto& variant : of->variants) {
            if (name != of->name + "/" + variant.name) continue;
            sweep::SweepOptions options;
            options.events = variant.events;
            options.depth = std::min(variant.depth, 2U);
            options.budget = 400;
            vm::Guest guest(system, vm::load_elf(cases::guest_of(of->name, variant.name), name), repairs);
            return sweep::sweep(guest, options);
        }
    }
    throw std::out_of_range("no variant " + name);
}

Repairs repairs_of(const kvm::System& system) {
    return qualify::repairs_for(qualify::measure(system, {.others = false}));
}

class Shims : public testing::TestWithParam<NamedShim> {};

TEST_P(Shims, ChangeNoVerdict) {
    const auto system = system_with(GetParam().make);
    const auto repairs = repairs_of(system);
    for (const auto* name : sample)
        EXPECT_EQ(result_of(name, system, repairs), result_of(name, kvm_system(), {})) << name;
}

TEST_P(Shims, ChangeNoAnswerOfDoctor) {
    const auto plain = qualify::measure(kvm_system()), shimmed = qualify::measure(system_with(GetParam().make));
    ASSERT_EQ(plain.size(), shimmed.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const auto name = to_string(plain[i].behaviour);
        if (name == GetParam().behaviour) {
            EXPECT_NE(shimmed[i].got, plain[i].got) << name;
        } else {
            EXPECT_EQ(shimmed[i].got, plain[i].got) << name << ": " << describe(shimmed[i].got);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Harmless, Shims, testing::ValuesIn(harmless_shims()), [](const auto& info) {
    std::string name;
    bool is_first = true;
    for (const char c : info.param.name) {
        if (c != '-') name += is_first ? static_cast<char>(std::toupper(c)) : c;
        is_first = c == '-';
    }
    return name;
});

/// A sweep makes a repair where `defect` is, and not on this machine. Its result stays the same.
void expect_repaired(const kvm::ShimFactory& defect, bool Repairs::*repair) {
    const auto system = system_with(defect);
    const auto repairs = repairs_of(system), repairs_here = repairs_of(kvm_system());
    EXPECT_TRUE(repairs.*repair);
    EXPECT_FALSE(repairs_here.*repair);
    const auto* const name = "nested-nmi/flag-only";
    const auto result = result_of(name, kvm_system(), {});
    EXPECT_EQ(result_of(name, system, repairs), result);
    EXPECT_EQ(result_of(name, kvm_system(), repairs_here), result);
}

TEST(Repairs, UnmaskNmisWhereVmEntryDoesNot) {
    expect_repaired(keep_nmi_mask(), &Repairs::nmi_mask);
    const auto sweep_without = [] {
        const auto* const name = sample.front();
        return result_of(name, system_with(keep_nmi_mask()), {.nmi_mask = false}) == result_of(name, kvm_system(), {});
    };
    EXPECT_THROW((void)sweep_without(), vm::MachineFault) << "a stepped run is another one than the sweep saw";
}

TEST(Repairs, RemoveATrapThatAStepLeaves) {
    expect_repaired(leave_traps(), &Repairs::stale_trap);
    vm::GuestCode code;
    Xbyak::Label handler;
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.doorbell(GATECRASH_PORT_END);
    code.kernel.L(handler);
    code.kernel.doorbell(GATECRASH_PORT_FATAL);
    code.handle(GATECRASH_VECTOR_DB, handler);
    const auto image = code.build("doorbells");
    for (const bool repair : {true, false}) {
        vm::Guest guest(system_with(leave_traps()), image, {.stale_trap = repair});
        const auto stepper = vm::make_stepper(vm::StepperKind::trap_flag, guest);
        stepper->enter();
        EXPECT_EQ(stepper->step().end, (vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}));
        stepper->leave();
        const auto port = repair ? GATECRASH_PORT_END : GATECRASH_PORT_FATAL;
        EXPECT_EQ(guest.run(), (vm::Outcome{vm::Doorbell{static_cast<std::uint16_t>(port)}}));
    }
}

TEST(UnmappedPages, ChangeNoVerdict) {
    const auto system = system_with(unmap_pages(512));
    auto repairs = repairs_of(system);
    const auto* const name = "nested-nmi/flag-only";
    EXPECT_EQ(result_of(name, system, repairs), result_of(name, kvm_system(), {}));
    if (!repairs.new_pages) return;
    const auto sweep_of_busy_host = [&] { (void)result_of(name, system_with(unmap_pages(4)), repairs); };
    EXPECT_THAT(sweep_of_busy_host, testing::ThrowsMessage<vm::MachineFault>(testing::HasSubstr("took pages away")))
        << "each run met such a page";
    repairs.new_pages = false;
    const auto sweep_without = [&] { (void)result_of(sample.front(), system_with(unmap_pages(4)), repairs); };
    EXPECT_THROW(sweep_without(), vm::MachineFault) << "a stepped run has other frames than a free one";
}

/// A guest whose NMI handler rings twice. Its NMIs count in RBX, and each swaps the GS bases.
class LatchedNmi : public testing::Test {
  protected:
    LatchedNmi() {
        sweep::GuestBuilder guest;
        guest.bare_handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](vm::Code& k) {
            k.inc(k.rbx);
            k.swapgs();
            k.doorbell(GATECRASH_PORT_BEGIN);
            k.nop();
            k.doorbell(GATECRASH_PORT_BEGIN);
            k.iretq();
        });
        guest.start();
        guest.code.kernel.xor_(guest.code.kernel.ebx, guest.code.kernel.ebx);
        guest.code.kernel.doorbell(GATECRASH_PORT_BEGIN);
        guest.code.kernel.nop();
        guest_.emplace(system_, guest.build("latched").image);
    }

    void run_to(std::uint16_t port) { EXPECT_EQ(guest_->run(), (vm::Outcome{vm::Doorbell{port}})); }
    /// Runs to the handler's first doorbell, lands a second NMI, and lets the CPU see it there.
    vm::Snapshot latch() {
        guest_->land(vm::Event::nmi());
        run_to(GATECRASH_PORT_BEGIN);
        auto in_handler = guest_->snapshot();
        guest_->land(vm::Event::nmi());
        run_to(GATECRASH_PORT_BEGIN);
        EXPECT_TRUE(guest_->has_latched_nmi());
        return in_handler;
    }
    std::uint64_t nmis() { return guest_->cpu().regs().rbx; }

    kvm::System system_ = system_with(keep_latched_nmis());
    std::optional<vm::Guest> guest_;
};

TEST_F(LatchedNmi, IsGoneAfterARestoreToUnmaskedNmis) {
    run_to(GATECRASH_PORT_BEGIN);
    const auto before = guest_->snapshot();
    (void)latch();
    guest_->restore(before);
    run_to(GATECRASH_PORT_DONE);
    EXPECT_EQ(nmis(), 0U);
    EXPECT_EQ(guest_->msrs(), before.msrs);
}

TEST_F(LatchedNmi, IsGoneAfterARestoreToMaskedNmis) {
    run_to(GATECRASH_PORT_BEGIN);
    guest_->restore(latch());
    run_to(GATECRASH_PORT_BEGIN);
    run_to(GATECRASH_PORT_DONE);
    EXPECT_EQ(nmis(), 1U);
}

TEST_F(LatchedNmi, IsOneNmiIfTheSnapshotHasOneToo) {
    run_to(GATECRASH_PORT_BEGIN);
    (void)latch();
    const auto latched = guest_->snapshot();
    guest_->restore(latched);
    run_to(GATECRASH_PORT_BEGIN);
    run_to(GATECRASH_PORT_BEGIN);
    run_to(GATECRASH_PORT_DONE);
    EXPECT_EQ(nmis(), 2U);
}

TEST_F(LatchedNmi, IsDeliveredOnceToAGuestThatIsStepped) {
    run_to(GATECRASH_PORT_BEGIN);
    (void)latch();
    for (const auto kind : {vm::StepperKind::trap_flag, vm::StepperKind::stop_bytes}) {
        const auto latched = guest_->snapshot();
        const auto stepper = vm::make_stepper(kind, *guest_);
        stepper->enter();
        int deliveries = 0;
        std::optional<vm::Outcome> end;
        while (!end || *end == vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}) {
            const auto step = stepper->step();
            end = step.end;
            if (step.delivered) ++deliveries;
        }
        stepper->leave();
        EXPECT_EQ(deliveries, 1);
        EXPECT_EQ(end, (vm::Outcome{vm::Doorbell{GATECRASH_PORT_DONE}}));
        guest_->restore(latched);
    }
}

TEST(NestedDebugException, OfAKvmThatGivesUpIsTheGuestsDoing) {
    sweep::GuestBuilder builder;
    builder.handler("db", GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    builder.start();
    builder.window("window", [](vm::Code& k) { k.nop(); });
    const auto guest_image = builder.build("nested").image;
    vm::Guest guest(system_with(give_up_on_nested_debug_exceptions()), guest_image);
    EXPECT_EQ(guest.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}));
    const auto window = guest.snapshot();
    guest.expect_watchpoints();
    auto registers = guest.debug_registers();
    registers.db[0] = vm::GuestCode::stack(GATECRASH_IST_DB) - sizeof(std::uint64_t);
    registers.dr7 = 1 | 1 << 16 | 2 << 18;  // armed, on writes of eight bytes
    guest.cpu().set_debug_registers(registers);
    guest.land(vm::Event::db());
    EXPECT_EQ(guest.run(), (vm::Outcome{vm::NestedDebugException{}}));
    guest.restore(window);
    EXPECT_EQ(guest.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}));
}

/// A schedule of two events: the first one puts the watchpoint on the frame that the second one's delivery writes.
TEST(NestedDebugException, OfAKvmThatGivesUpIsAFindingOfASweep) {
    sweep::GuestBuilder guest;
    guest.handler("db", GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    guest.start();
    guest.window("window", [](vm::Code& k) {
        k.sti();
        k.nop();
        k.nop();
        k.cli();
    });
    sweep::SweepOptions options;
    options.events = {vm::Event::watch(vm::GuestCode::stack(GATECRASH_IST_DB) - sizeof(std::uint64_t)),
                      vm::Event::db()};
    options.depth = 2;
    options.in_order = true;
    const auto image = guest.build("nested");
    for (const auto kind : {vm::StepperKind::stop_bytes, vm::StepperKind::trap_flag}) {
        options.stepper = kind;
        const auto result = image.sweep(options, system_with(give_up_on_nested_debug_exceptions()));
        EXPECT_FALSE(result.findings.empty());
        for (const auto& finding : result.findings) {
            EXPECT_EQ(finding.violation.invariant, sweep::Invariant::progress) << finding.violation.message;
            EXPECT_EQ(finding.schedule.landings.size(), 2U);
        }
    }
}

TEST(Int1, IsSteppedIntoItsHandlerWhereKvmReportsIt) {
    vm::GuestCode code;
    Xbyak::Label handler;
    code.kernel.bytes({0xf1});
    code.kernel.doorbell(GATECRASH_PORT_FATAL);
    code.kernel.L(handler);
    code.kernel.doorbell(GATECRASH_PORT_END);
    // QEMU has no INT1 (behaviour dr6-of-int1).
    for (const unsigned vector : {GATECRASH_VECTOR_DB, GATECRASH_VECTOR_UD}) code.handle(vector, handler);
    vm::Guest guest(system_with(report_int1(vm::GuestCode::kernel_text)), code.build("int1"));
    const auto stepper = vm::make_stepper(vm::StepperKind::trap_flag, guest);
    stepper->enter();
    EXPECT_TRUE(stepper->step().delivered);
    stepper->leave();
    EXPECT_EQ(guest.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}));
}

/// Old KVMs ignore the flag, so some real machines answer so.
TEST(BlockIrq, IsIgnoredByRealMachines) {
    const auto measured = qualify::measure(system_with(ignore_block_irq()), vm::Behaviour::guest_debug_block_irq);
    EXPECT_FALSE(measured.ok);
    EXPECT_TRUE(measured.is_silicon) << describe(measured.got);
    EXPECT_THAT(measured.remedy, testing::HasSubstr("real ones that answer so, too"));
}

TEST(WrittenPages, ThatKvmDoesNotReportMakeAMachineUnfit) {
    using vm::Behaviour;
    const auto measurement = [](const kvm::System& system) {
        return qualify::measure(system, Behaviour::written_pages_complete);
    };
    EXPECT_TRUE(measurement(kvm_system()).ok);
    const auto losing = measurement(system_with(lose_written_pages(2)));
    EXPECT_FALSE(losing.ok);
    EXPECT_THAT(describe(losing.got), testing::EndsWith(" are not reported"));
    EXPECT_TRUE(is_basic(Behaviour::written_pages_complete));
}

/// Such a machine is fit on Intel: gatecrash looks at pages that were reported once in each later run.
TEST(WrittenPages, ThatKvmReportsLateAfterHltAreNotLost) {
    using vm::Behaviour;
    const auto late = qualify::measure(system_with(delay_pages_after_hlt()), Behaviour::written_pages_complete);
    EXPECT_EQ(describe(late.got), "all are reported, some of them one exit after a HLT");
    EXPECT_EQ(late.ok, vm::cpu_vendor() == vm::Vendor::intel);
}

/// Without a capability, either the machine is unfit for that reason, or everything basic works.
TEST(Capabilities, AreEachNeededOrNot) {
    using enum kvm::Capability;
    std::vector<std::string> needed;
    for (const auto capability :
         {readonly_memory, sync_registers, set_guest_debug, vcpu_events, user_nmi, machine_check, debug_registers,
          immediate_exit, dirty_ring, disable_quirks, binary_statistics}) {
        auto system = kvm::System::open();
        system.forgo(capability);
        const auto measurements = qualify::measure(system, {.others = false, .stop_when_unfit = true});
        if (const auto failure = qualify::first_basic_failure(measurements)) {
            EXPECT_EQ(failure->behaviour, vm::Behaviour::kvm_capabilities) << describe(failure->got);
            needed.push_back(describe(failure->got));
        }
    }
    EXPECT_THAT(needed, testing::ElementsAre("no KVM_CAP_READONLY_MEM", "no KVM_CAP_SET_GUEST_DEBUG",
                                             "no KVM_CAP_VCPU_EVENTS", "no KVM_CAP_USER_NMI", "no KVM_CAP_MCE",
                                             "no KVM_CAP_DEBUGREGS", "no KVM_CAP_IMMEDIATE_EXIT"));
}

/// A capability that gatecrash does without, and its name for GoogleTest.
struct Dispensable {
    kvm::Capability capability;
    const char* name;
};

class Lacking : public testing::TestWithParam<Dispensable> {};

TEST_P(Lacking, ChangesNoVerdict) {
    auto system = kvm::System::open();
    system.forgo(GetParam().capability);
    for (const auto* name : sample) EXPECT_EQ(result_of(name, system, {}), result_of(name, kvm_system(), {})) << name;
}

INSTANTIATE_TEST_SUITE_P(Capability, Lacking,
                         testing::Values(Dispensable{kvm::Capability::sync_registers, "SyncRegisters"},
                                         Dispensable{kvm::Capability::dirty_ring, "DirtyRing"},
                                         Dispensable{kvm::Capability::disable_quirks, "DisableQuirks"},
                                         Dispensable{kvm::Capability::binary_statistics, "BinaryStatistics"}),
                         [](const auto& info) { return info.param.name; });

TEST_F(LatchedNmi, DoesNotReachTheNextGuestOfTheVirtualMachine) {
    vm::VirtualMachine machine(system_);
    const auto image = guest_->image();
    {
        vm::Guest first(machine, image);
        EXPECT_EQ(first.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}));
        for (int i = 0; i < 2; ++i) {
            first.land(vm::Event::nmi());
            EXPECT_EQ(first.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}));
        }
    }
    vm::Guest second(machine, image);
    EXPECT_EQ(second.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}}));
    EXPECT_EQ(second.run(), (vm::Outcome{vm::Doorbell{GATECRASH_PORT_DONE}}));
    EXPECT_EQ(second.cpu().regs().rbx, 0U);
}

}  // namespace
}  // namespace gatecrash
