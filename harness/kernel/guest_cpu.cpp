#include "kernel/guest_cpu.hpp"

#include <array>
#include <cstdint>

namespace gatecrash::kernel {
namespace {

constexpr std::uint32_t bit(unsigned number) { return std::uint32_t{1} << number; }

/// Bits to clear in one leaf: SDM volume 2, CPUID; APM volume 3, appendix E.
struct Hidden {
    std::uint32_t leaf, subleaf;
    std::uint32_t ebx, ecx, edx;
};
constexpr std::array hidden{
    Hidden{1, 0, 0,
           bit(12) /* FMA */ | bit(24) /* TSC deadline */ | bit(26) /* XSAVE */ | bit(27) /* OSXSAVE */ |
               bit(28) /* AVX */ | bit(29) /* F16C */ | bit(30) /* RDRAND */ | bit(31) /* hypervisor */,
           bit(4) /* TSC */},
    Hidden{7, 0,
           bit(5) /* AVX2 */ | bit(16) | bit(17) | bit(21) | bit(26) | bit(27) | bit(28) | bit(30) |
               bit(31) /* AVX-512 */ | bit(14) /* MPX */ | bit(18) /* RDSEED */,
           bit(1) | bit(6) | bit(11) | bit(12) | bit(14) /* AVX-512 */ | bit(3) /* PKU */ | bit(9) |
               bit(10) /* VAES */ | bit(22) /* RDPID */,
           bit(2) | bit(3) | bit(8) | bit(23) /* AVX-512 */ | bit(22) | bit(24) | bit(25) /* AMX */},
    Hidden{0x80000001, 0, 0, bit(11) /* XOP */ | bit(15) /* LWP */ | bit(16) /* FMA4 */,
           bit(27) /* RDTSCP */ | bit(4) /* TSC */},
};
constexpr std::uint32_t xsave_leaf = 0xd, hypervisor_leaves = 0x40000000, hypervisor_mask = 0xffffff00;

}  // namespace

std::vector<kvm_cpuid_entry2> kernel_cpuid(std::vector<kvm_cpuid_entry2> supported) {
    std::erase_if(supported, [](const kvm_cpuid_entry2& entry) {
        return entry.function == xsave_leaf || (entry.function & hypervisor_mask) == hypervisor_leaves;
    });
    for (auto& entry : supported) {
        // KVM gives the APIC ID of the host's CPU that is asked. The guest's only CPU has number 0.
        constexpr std::uint32_t apic_id = 0xff000000;
        if (entry.function == 1) entry.ebx &= ~apic_id;
        if (entry.function == 0xb || entry.function == 0x1f) entry.edx = 0;
        for (const auto& each : hidden) {
            if (entry.function != each.leaf || entry.index != each.subleaf) continue;
            entry.ebx &= ~each.ebx;
            entry.ecx &= ~each.ecx;
            entry.edx &= ~each.edx;
        }
    }
    return supported;
}

}  // namespace gatecrash::kernel
