// Tests failing ioctls, and the counts of a vCPU, with a real /dev/kvm.
#include "kvm/vm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <functional>

#include "kvm/error.hpp"
#include "kvm/vcpu.hpp"
#include "support/kvm_system.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"

namespace gatecrash::kvm {
namespace {

TEST(KvmVm, NamesTheCallThatFailsAndItsError) {
    auto vm = kvm_system().create_vm();
    auto cpu = vm.create_vcpu();
    std::array<std::byte, 4096> page{};
    std::array entries{kvm_msr_entry{.index = 0x12345678, .reserved = 0, .data = 0}};
    struct {
        const char* call;
        int error_number;
        std::function<void()> attempt;
    } const rows[] = {
        {"KVM_SET_USER_MEMORY_REGION", EINVAL, [&] { vm.set_memory_slot(0, 1, page, Access::read_write); }},
        {"KVM_CREATE_VCPU", EEXIST, [&] { (void)vm.create_vcpu(); }},
        {"KVM_GET_MSRS", EOPNOTSUPP, [&] { cpu.get_msrs(entries); }},
        {"KVM_SET_MSRS", EINVAL, [&] { cpu.set_msrs(entries); }},
    };
    for (const auto& row : rows) {
        try {
            row.attempt();
            ADD_FAILURE() << row.call << " does not fail";
        } catch (const Error& error) {
            EXPECT_EQ(error.call(), row.call);
            EXPECT_EQ(error.error_number(), row.error_number) << error.what();
        }
    }
}

/// CPUID always causes an exit, which KVM handles by itself. The host's timer and the watchdog cause exits as well.
TEST(KvmVcpu, CountsExits) {
    constexpr unsigned cpuids = 200, most_others = cpuids;
    vm::GuestCode code;
    auto& k = code.kernel;
    Xbyak::Label again;
    k.mov(k.esi, cpuids);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.L(again);
    k.cpuid();  // clobbers EAX to EDX
    k.dec(k.esi);
    k.jnz(again);
    k.doorbell(GATECRASH_PORT_END);
    vm::Guest guest(kvm_system(), code.build("exits"));
    const auto exits = guest.cpu().counter("exits"), io = guest.cpu().counter("io_exits");
    ASSERT_TRUE(exits.has_value());
    ASSERT_TRUE(io.has_value());
    EXPECT_FALSE(guest.cpu().counter("no_such_counter").has_value());

    ASSERT_EQ(vm::run_patiently(guest), vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}});
    const auto at_begin = exits->read(), io_at_begin = io->read();
    ASSERT_EQ(vm::run_patiently(guest), vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}});
    EXPECT_EQ(io->read() - io_at_begin, 1U);
    EXPECT_GE(exits->read() - at_begin, cpuids + 1);
    EXPECT_LT(exits->read() - at_begin, cpuids + 1 + most_others);
}

}  // namespace
}  // namespace gatecrash::kvm
