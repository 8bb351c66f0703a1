// Ioctls of a real /dev/kvm that fail.
#include "gatecrash/kvm/vm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <functional>

#include "gatecrash/kvm/error.hpp"
#include "gatecrash/kvm/vcpu.hpp"
#include "support/kvm_system.hpp"

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

}  // namespace
}  // namespace gatecrash::kvm
