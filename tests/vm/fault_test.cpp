// Tests that a fault of KVM or the harness is thrown with a full dump of the vCPU.
#include <gmock/gmock.h>

#include "support/kvm_system.hpp"
#include "support/shims.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"

namespace gatecrash::vm {
namespace {

using testing::ContainsRegex;
using testing::StartsWith;

TEST(Fault, ThatTheCpuRefusesTheStateHasADumpWithDisassembly) {
    GuestCode code;
    code.kernel.mov(code.kernel.eax, 0x1234);
    code.kernel.doorbell(GATECRASH_PORT_END);
    Guest guest(kvm_system(), code.build("refused"));
    auto sregs = guest.cpu().sregs();
    sregs.cs.db = 1;  // no CPU accepts this together with CS.L (SDM volume 3, 26.3.1.2; APM volume 2, 15.5.1)
    guest.set_sregs(sregs);
    try {
        (void)guest.run();
        FAIL();
    } catch (const MachineFault& fault) {
        const std::string what = fault.what();
        EXPECT_THAT(what, StartsWith("KVM_EXIT_FAIL_ENTRY: hardware reason 0x"));
        // Any RIP will do, since QEMU 7.2 has already changed it when it refuses a state.
        for (const auto* part : {"\nvCPU of refused:\n  rip [0-9a-f]+ \\(kernel", "\n  rax [0-9a-f]+  rbx ",
                                 "\n  cs 0010 base ", "\n  cr0 [0-9a-f]+  cr2 ", "\n  NMI masked 0 ",
                                 "\n  code:\n    [0-9a-f]+  [a-z]+ ", "\n  newest log records:\n"}) {
            EXPECT_THAT(what, ContainsRegex(part));
        }
    }
}

/// KVM for Intel before Linux 5.17 is refused the entry with a #DB in a shadow.
TEST(Fault, ThatAKnownBugOfKvmExplainsNamesTheKernelThatMendedIt) {
    GuestCode code;
    code.kernel.doorbell(GATECRASH_PORT_END);
    auto system = kvm::System::open();
    system.put_between(refuse_traps_in_shadows());
    Guest guest(system, code.build("refused"));
    const auto begin = guest.snapshot();
    EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_END}});
    guest.restore(begin);
    auto regs = guest.cpu().regs();
    regs.rflags |= rflags_tf;
    guest.cpu().set_regs(regs);
    auto events = guest.cpu().events();
    events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
    events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
    guest.cpu().set_events(events);
    guest.land(Event::db());
    try {
        (void)guest.run();
        FAIL();
    } catch (const RefusedEntry& fault) {
        EXPECT_EQ(fault.reason(), 0x80000021U);
        EXPECT_THAT(fault.what(), ContainsRegex("^KVM_EXIT_FAIL_ENTRY: hardware reason 0x80000021: a KVM bug, .* fixed "
                                                "in Linux 5.17 .*: use a newer kernel\nvCPU of refused:\n"));
    }
}

/// KVM for Intel exits so if the host's kernel ends split locks.
TEST(Fault, OfASplitLockSaysWhatToDo) {
    GuestCode code;
    auto& k = code.kernel;
    k.mov(k.rbx, GuestCode::data + 62);  // four bytes there cross a line of 64
    k.lock();
    k.inc(k.dword[k.rbx]);
    k.doorbell(GATECRASH_PORT_END);
    const auto image = code.build("split");
    auto system = kvm::System::open();
    system.put_between(end_split_lock(GuestCode::kernel_text));
    Guest guest(system, image);
    try {
        (void)guest.run();
        FAIL();
    } catch (const MachineFault& fault) {
        EXPECT_THAT(fault.what(),
                    StartsWith("KVM_EXIT_EXCEPTION: vector 17, error code 0x0: the host's kernel ends a split "
                               "lock (split_lock_detect=fatal): align the operand of the guest's LOCK "
                               "instruction, or boot the host with split_lock_detect=off\nvCPU of split:\n"));
    }
    Guest elsewhere(kvm_system(), image);
    EXPECT_EQ(elsewhere.run(), Outcome{Doorbell{GATECRASH_PORT_END}});
}

}  // namespace
}  // namespace gatecrash::vm
