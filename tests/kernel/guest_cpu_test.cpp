#include "kernel/guest_cpu.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace gatecrash::kernel {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// The CPUID of an imaginary CPU that has everything.
std::vector<kvm_cpuid_entry2> everything() {
    std::vector<kvm_cpuid_entry2> entries;
    for (const std::uint32_t leaf : {0U, 1U, 7U, 0xdU, 0x40000000U, 0x80000000U, 0x80000001U}) {
        kvm_cpuid_entry2 entry{};
        entry.function = leaf;
        entry.eax = entry.ebx = entry.ecx = entry.edx = 0xffffffff;
        entries.push_back(entry);
    }
    return entries;
}

/// Returns the leaf of a kernel's CPU with these choices.
kvm_cpuid_entry2 leaf(std::uint32_t number, std::string_view choices) {
    for (const auto& entry : kernel_cpuid(everything(), choices)) {
        if (entry.function == number) return entry;
    }
    ADD_FAILURE() << "no leaf " << number;
    return {};
}

bool has(std::uint32_t value, unsigned bit) { return (value >> bit & 1) != 0; }

TEST(GuestCpu, HidesWhatMakesRunsDiffer) {
    for (const auto& entry : kernel_cpuid(everything())) {
        EXPECT_NE(entry.function, 0xdU);
        EXPECT_NE(entry.function, 0x40000000U);
    }
    EXPECT_FALSE(has(leaf(1, "").edx, 4)) << "TSC";
    EXPECT_FALSE(has(leaf(1, "").ecx, 30)) << "RDRAND";
    EXPECT_FALSE(has(leaf(7, "").ecx, 7)) << "shadow stacks";
    EXPECT_TRUE(has(leaf(1, "").ecx, 17)) << "PCID";
}

TEST(GuestCpu, HasFastShortMovesOnlyWithFastMoves) {
    const auto fsrm_if = [](std::uint32_t leaf_7_ebx) {
        kvm_cpuid_entry2 entry{};
        entry.function = 7;
        entry.ebx = leaf_7_ebx;
        entry.edx = 1U << 4;
        return has(kernel_cpuid({entry}).front().edx, 4);
    };
    EXPECT_TRUE(fsrm_if(1U << 9));
    EXPECT_FALSE(fsrm_if(0));
}

TEST(GuestCpu, TakesSingleFeaturesAway) {
    EXPECT_TRUE(has(leaf(7, "host").ebx, 0));
    EXPECT_FALSE(has(leaf(7, "no-fsgsbase").ebx, 0));
    EXPECT_TRUE(has(leaf(7, "no-fsgsbase").ebx, 20));
    EXPECT_FALSE(has(leaf(7, "no-smap,no-fsgsbase").ebx, 20));
    EXPECT_FALSE(has(leaf(7, "no-smap,no-fsgsbase").ebx, 0));
    EXPECT_FALSE(has(leaf(1, "no-pcid").ecx, 17));
}

TEST(GuestCpu, HasAnotherVendor) {
    const auto vendor = [](const char* choice) {
        const auto entry = leaf(0, choice);
        std::string text;
        for (const auto part : {entry.ebx, entry.edx, entry.ecx}) {
            for (unsigned i = 0; i < 4; ++i) text += static_cast<char>(part >> 8 * i);
        }
        return text;
    };
    EXPECT_EQ(vendor("intel"), "GenuineIntel");
    EXPECT_EQ(vendor("amd"), "AuthenticAMD");
    EXPECT_FALSE(has(leaf(7, "intel").edx, 29)) << "IA32_ARCH_CAPABILITIES";
}

TEST(GuestCpu, RefusesOtherChoices) {
    EXPECT_THAT([] { (void)parse_cpu("no-such"); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("'no-such' is none of host, intel, amd")));
    EXPECT_THAT([] { (void)parse_cpu("intel,amd"); }, ThrowsMessage<std::invalid_argument>(HasSubstr("one vendor")));
}

}  // namespace
}  // namespace gatecrash::kernel
