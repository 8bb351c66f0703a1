#include "vm/boot/guest_cpuid.hpp"

#include <cpuid.h>

#include <cstdint>

#include "kvm/vcpu.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::vm {
namespace {

// Feature bits (APM volume 3, appendix E; SDM volume 2, CPUID).
constexpr std::uint32_t bit(unsigned number) { return std::uint32_t{1} << number; }
constexpr std::uint32_t leaf1_edx = bit(0) /* FPU */ | bit(2) /* DE */ | bit(3) /* PSE */ | bit(4) /* TSC */ |
                                    bit(5) /* MSR */ | bit(6) /* PAE */ | bit(7) /* MCE */ | bit(8) /* CX8 */ |
                                    bit(11) /* SEP */ | bit(13) /* PGE */ | bit(14) /* MCA */ | bit(15) /* CMOV */ |
                                    bit(16) /* PAT */ | bit(24) /* FXSR */ | bit(25) /* SSE */ | bit(26) /* SSE2 */;
constexpr std::uint32_t leaf1_ecx = bit(17) /* PCID */;
constexpr std::uint32_t leaf7_ebx = bit(0) /* FSGSBASE */ | bit(7) /* SMEP */ | bit(20) /* SMAP */;
constexpr std::uint32_t leaf7_ecx = kvm::Vcpu::cpuid_shadow_stacks;
constexpr std::uint32_t leaf7_edx = bit(26) /* IBRS */;
constexpr std::uint32_t extended8_ebx = bit(14) /* IBRS on AMD */;
constexpr std::uint32_t extended1_edx =
    leaf1_edx | bit(11) /* SYSCALL */ | bit(20) /* NX */ | bit(27) /* RDTSCP */ | bit(29) /* LM */;

constexpr std::uint32_t hygon_ebx = 0x6f677948;  // "Hygo"

kvm_cpuid_entry2 host_leaf(std::uint32_t function) {
    kvm_cpuid_entry2 entry{};
    entry.function = function;
    if (function == 7) entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    __cpuid_count(function, 0, entry.eax, entry.ebx, entry.ecx, entry.edx);
    return entry;
}

}  // namespace

std::vector<kvm_cpuid_entry2> guest_cpuid(std::span<const kvm_cpuid_entry2> supported) {
    auto vendor = host_leaf(0);
    const bool has_structured = vendor.eax >= 7;
    vendor.eax = 7;
    auto features = host_leaf(1);
    features.ebx = 0;
    features.ecx &= leaf1_ecx;
    features.edx &= leaf1_edx;
    auto structured = host_leaf(7);
    structured.eax = 0;
    structured.ebx = has_structured ? structured.ebx & leaf7_ebx : 0;
    structured.ecx = 0;
    for (const auto& leaf : supported) {
        if (leaf.function == 7 && leaf.index == 0) structured.ecx = leaf.ecx & leaf7_ecx;
    }
    structured.edx = has_structured ? structured.edx & leaf7_edx : 0;
    auto extended = host_leaf(0x80000000);
    extended.eax = 0x80000008;
    auto extended_features = host_leaf(0x80000001);
    extended_features.ebx = 0;
    extended_features.ecx = 0;
    extended_features.edx &= extended1_edx;
    auto sizes = host_leaf(0x80000008);
    sizes.ebx &= extended8_ebx;
    sizes.ecx = sizes.edx = 0;
    return {vendor, features, structured, extended, extended_features, sizes};
}

bool is_below_hypervisor() {
    constexpr unsigned in_virtual_machine = 1U << 31;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & in_virtual_machine) != 0;
}

Vendor cpu_vendor() {
    const auto vendor = host_leaf(0).ebx;
    return vendor == signature_AMD_ebx || vendor == hygon_ebx ? Vendor::amd : Vendor::intel;
}

std::string to_string(Vendor vendor) { return vendor == Vendor::amd ? "amd" : "intel"; }

std::optional<Vendor> parse_vendor(std::string_view text) {
    for (const auto vendor : {Vendor::intel, Vendor::amd}) {
        if (text == to_string(vendor)) return vendor;
    }
    return std::nullopt;
}

}  // namespace gatecrash::vm
