#include "kernel/guest_cpu.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>

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
           bit(1) | bit(6) | bit(11) | bit(12) | bit(14) /* AVX-512 */ | bit(3) /* PKU */ | bit(7) /* shadow stacks */ |
               bit(9) | bit(10) /* VAES */ | bit(22) /* RDPID */,
           bit(2) | bit(3) | bit(8) | bit(23) /* AVX-512 */ | bit(22) | bit(24) | bit(25) /* AMX */},
    Hidden{0x80000001, 0, 0, bit(11) /* XOP */ | bit(15) /* LWP */ | bit(16) /* FMA4 */,
           bit(27) /* RDTSCP */ | bit(4) /* TSC */},
};
using Register = std::uint32_t kvm_cpuid_entry2::*;
constexpr Register eax = &kvm_cpuid_entry2::eax, ebx = &kvm_cpuid_entry2::ebx, ecx = &kvm_cpuid_entry2::ecx,
                   edx = &kvm_cpuid_entry2::edx;
constexpr std::uint32_t whole = ~std::uint32_t{0};

/// Returns the register of a leaf that has these four letters.
constexpr std::uint32_t letters(const char (&text)[5]) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(text[i]) << 8 * i;
    return value;
}

}  // namespace

/// Replaces the bits of `mask` in a register of a leaf.
struct CpuChange {
    std::uint32_t leaf;
    Register in;
    std::uint32_t mask, value;
};

namespace {

// The model decides which mitigations Linux turns on. Without IA32_ARCH_CAPABILITIES no MSR says that it needs none.
constexpr std::array intel{CpuChange{0, ebx, whole, letters("Genu")},
                           CpuChange{0, edx, whole, letters("ineI")},
                           CpuChange{0, ecx, whole, letters("ntel")},
                           CpuChange{0x80000000, ebx, whole, 0},
                           CpuChange{0x80000000, edx, whole, 0},
                           CpuChange{0x80000000, ecx, whole, 0},
                           CpuChange{1, eax, whole, 0x306c3 /* Haswell */},
                           CpuChange{0x80000001, eax, whole, 0},
                           CpuChange{7, edx, bit(29), 0}};
constexpr std::array amd{
    CpuChange{0, ebx, whole, letters("Auth")},          CpuChange{0, edx, whole, letters("enti")},
    CpuChange{0, ecx, whole, letters("cAMD")},          CpuChange{0x80000000, ebx, whole, letters("Auth")},
    CpuChange{0x80000000, edx, whole, letters("enti")}, CpuChange{0x80000000, ecx, whole, letters("cAMD")},
    CpuChange{1, eax, whole, 0x830f10 /* Zen 2 */},     CpuChange{0x80000001, eax, whole, 0x830f10}};
constexpr std::array no_fsgsbase{CpuChange{7, ebx, bit(0), 0}};
constexpr std::array no_pcid{CpuChange{1, ecx, bit(17), 0}};
constexpr std::array no_smap{CpuChange{7, ebx, bit(20), 0}};

constexpr std::array choices{
    CpuChoice{"host", "the CPU of the machine", {}},
    CpuChoice{"intel", "Intel's vendor and a Haswell's model: PTI, and what else Linux does for Intel only", intel},
    CpuChoice{"amd", "AMD's vendor and a Zen 2's model", amd},
    CpuChoice{"no-fsgsbase", "paranoid_entry uses RDMSR and SWAPGS", no_fsgsbase},
    CpuChoice{"no-pcid", "with PTI, each MOV to CR3 flushes the TLB", no_pcid},
    CpuChoice{"no-smap", "no STAC and CLAC", no_smap},
};

constexpr std::uint32_t xsave_leaf = 0xd, hypervisor_leaves = 0x40000000, hypervisor_mask = 0xffffff00;

/// Linux takes FSRM for a promise of ERMS. If there is no ERMS, its memmove() then copies without end
/// (arch/x86/lib/memmove_64.S of 6.1). Bochs's Tiger Lake under Linux 7.3 has FSRM alone.
void hide_fsrm_without_erms(std::vector<kvm_cpuid_entry2>& entries) {
    constexpr auto erms = bit(9), fsrm = bit(4);
    for (auto& entry : entries) {
        if (entry.function == 7 && entry.index == 0 && (entry.ebx & erms) == 0) entry.edx &= ~fsrm;
    }
}

}  // namespace

std::span<const CpuChoice> cpu_choices() { return choices; }

std::vector<const CpuChoice*> parse_cpu(std::string_view list) {
    std::vector<const CpuChoice*> chosen;
    unsigned vendors = 0;
    while (!list.empty()) {
        const auto name = list.substr(0, list.find(','));
        list.remove_prefix(std::min(name.size() + 1, list.size()));
        const auto* const choice = std::ranges::find(choices, name, &CpuChoice::name);
        if (choice == choices.end()) {
            std::vector<std::string_view> names;
            names.reserve(choices.size());
            for (const auto& each : choices) names.push_back(each.name);
            throw std::invalid_argument(fmt::format("'{}' is none of {}", name, fmt::join(names, ", ")));
        }
        if (name == "intel" || name == "amd") ++vendors;
        chosen.push_back(choice);
    }
    if (vendors > 1) throw std::invalid_argument("a CPU has one vendor, intel or amd");
    return chosen;
}

std::vector<kvm_cpuid_entry2> kernel_cpuid(std::vector<kvm_cpuid_entry2> supported, std::string_view cpu) {
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
    hide_fsrm_without_erms(supported);
    for (const auto* const choice : parse_cpu(cpu)) {
        for (const auto& change : choice->changes) {
            for (auto& entry : supported) {
                if (entry.function != change.leaf || entry.index != 0) continue;
                auto& value = entry.*change.in;
                value = (value & ~change.mask) | change.value;
            }
        }
    }
    return supported;
}

}  // namespace gatecrash::kernel
