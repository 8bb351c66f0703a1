#include "report/host_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace gatecrash::report {

namespace fs = std::filesystem;

namespace {

using vm::Vendor;

/// A problem, and whether a host has it.
struct KnownProblem {
    KernelProblem problem;
    bool (*applies)(const HostFacts& facts, Vendor vendor);
};

bool is_between(const HostFacts& facts, KernelVersion first, KernelVersion mended) {
    return facts.kernel && *facts.kernel >= first && *facts.kernel < mended;
}

/// True if the kernel is older than `mended`, and older than the kernel of its own stable series in `stable`.
bool is_before(const HostFacts& facts, KernelVersion mended, std::initializer_list<KernelVersion> stable) {
    if (!facts.kernel || *facts.kernel >= mended) return false;
    return std::ranges::none_of(stable, [&](const KernelVersion& kernel) {
        return facts.kernel->major == kernel.major && facts.kernel->minor == kernel.minor && *facts.kernel >= kernel;
    });
}

/// Properties of kernels that users meet with gatecrash.
constexpr KnownProblem known[] = {
    {{"KVM drops all nested page tables when the guest's CR3 changes, so guests with two page tables and all 32-bit "
      "guests are several times slower",
      "5.16 to 6.1.49, and 6.2 to 6.3.1 (mended by edbdb43fc96b)", "use a newer kernel, or load kvm with tdp_mmu=N"},
     [](const HostFacts& facts, Vendor) {
         return !has(facts.kvm_parameters, "kvm.tdp_mmu", "N") &&
                (is_between(facts, {5, 16, 0}, {6, 1, 50}) || is_between(facts, {6, 2, 0}, {6, 3, 2}));
     }},
    {{"a trap of TF in the shadow of STI or MOV SS makes the VM entry fail (KVM_EXIT_FAIL_ENTRY)",
      "before 5.17, on Intel's CPUs (mended by b9bed78e2fa9, also in stable kernels of February 2022)",
      "use a newer kernel"},
     [](const HostFacts& facts, Vendor vendor) {
         return vendor == Vendor::intel && is_between(facts, {0, 0, 0}, {5, 17, 0});
     }},
    {{"a latched NMI stays latched whatever KVM_SET_VCPU_EVENTS says",
      "6.4 and later, on AMD's CPUs with virtual NMIs (not mended)",
      "nothing: gatecrash lets the CPU take such an NMI before a restore"},
     [](const HostFacts& facts, Vendor vendor) {
         return vendor == Vendor::amd && has(facts.kvm_parameters, "kvm_amd.vnmi", "Y") && facts.kernel &&
                *facts.kernel >= KernelVersion{6, 4, 0};
     }},
    {{"KVM_SET_SREGS clears hidden bits of unusable segments",
      "before 5.10.166, 5.15.91, 6.1.9 and 6.2, on Intel's CPUs (mended by a44b331614e6)",
      "nothing: gatecrash does not compare these bits"},
     [](const HostFacts& facts, Vendor vendor) {
         return vendor == Vendor::intel && is_before(facts, {6, 2, 0}, {{5, 10, 166}, {5, 15, 91}, {6, 1, 9}});
     }},
    {{"KVM ignores KVM_GUESTDBG_BLOCKIRQ, so a step does not hold an NMI back", "before 5.15 (mended by 61e5f69ef083)",
      "nothing: no stepper uses this flag"},
     [](const HostFacts& facts, Vendor) {
         return is_between(facts, {0, 0, 0}, {5, 15, 0});
     }},
    {{"a page that is written in a run that ends by HLT can be reported one exit late (page-modification logging)",
      "6.12 and later, on Intel's CPUs with kvm_intel.pml=Y (not mended)",
      "load kvm_intel with pml=0 if `written-pages-complete` differs"},
     [](const HostFacts& facts, Vendor vendor) {
         return vendor == Vendor::intel && has(facts.kvm_parameters, "kvm_intel.pml", "Y") && facts.kernel &&
                *facts.kernel >= KernelVersion{6, 12, 0};
     }},
    {{"creating a virtual machine takes some 30 ms in a control group", "5.4 to 6.13",
      "use a newer kernel, or from 6.5 on load kvm with nx_huge_pages=never on a host that runs only your own guests"},
     [](const HostFacts& facts, Vendor) {
         return !has(facts.kvm_parameters, "kvm.nx_huge_pages", "never") && is_between(facts, {5, 4, 0}, {6, 14, 0});
     }},
    {{"KVM has no dirty ring, so each restore compares all pages", "before 5.11", "use a newer kernel"},
     [](const HostFacts& facts, Vendor) {
         return is_between(facts, {0, 0, 0}, {5, 11, 0});
     }},
    {{"each exit to gatecrash costs an IBPB (VMSCAPE)", "5.10.244, 6.1.152, 6.6.106, 6.12.47, 6.16.7 and later",
      "boot with vmscape=off on a host that runs only your own guests"},
     [](const HostFacts& facts, Vendor) { return has(facts.vulnerabilities, "vmscape", "IBPB before exit"); }},
    {{"each entry of a guest flushes the L1 data cache (L1TF)", "all, on CPUs that have this vulnerability",
      "load kvm_intel with vmentry_l1d_flush=never on a host that runs only your own guests"},
     [](const HostFacts& facts, Vendor) { return has(facts.vulnerabilities, "l1tf", "cache flushes"); }},
};

std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::map<std::string, std::string> values_in(const fs::path& folder, const std::string& prefix) {
    std::map<std::string, std::string> values;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (auto value = content_of(entry.path()); !value.empty())
            values[prefix + entry.path().filename().string()] = std::move(value);
    }
    return values;
}

/// Reads the version of the sources. Debian's release has an ABI's name, and its version follows a word of its own.
std::optional<KernelVersion> version_in(const std::string& text) {
    // The compiler, which is named first, has a word "Debian" of its own.
    const auto build = std::min(text.find('#'), text.size());
    for (const auto& [before, from] : {std::pair{"Debian ", build}, std::pair{"Linux version ", std::size_t{0}}}) {
        const auto at = text.find(before, from);
        if (at == std::string::npos) continue;
        KernelVersion version;
        const auto* number = text.c_str() + at + std::char_traits<char>::length(before);
        if (std::sscanf(number, "%u.%u.%u", &version.major, &version.minor, &version.patch) >= 2) return version;
    }
    return std::nullopt;
}

std::string dotted(const KernelVersion& version) {
    return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

}  // namespace

bool has(const std::map<std::string, std::string>& values, const std::string& name, std::string_view part) {
    const auto found = values.find(name);
    return found != values.end() && found->second.find(part) != std::string::npos;
}

HostFacts read_host_facts(const fs::path& root) {
    HostFacts facts;
    facts.microcode = content_of(root / "sys/devices/system/cpu/cpu0/microcode/version");
    facts.is_nested = vm::is_below_hypervisor();
    facts.kernel = version_in(content_of(root / "proc/version"));
    for (const char* module : {"kvm", "kvm_amd", "kvm_intel"})
        facts.kvm_parameters.merge(values_in(root / "sys/module" / module / "parameters", std::string(module) + "."));
    facts.vulnerabilities = values_in(root / "sys/devices/system/cpu/vulnerabilities", "");
    return facts;
}

std::vector<KernelProblem> known_problems(const HostFacts& facts, Vendor vendor) {
    std::vector<KernelProblem> problems;
    for (const auto& row : known) {
        if (row.applies(facts, vendor)) problems.push_back(row.problem);
    }
    return problems;
}

std::string describe(const HostFacts& facts, Vendor vendor) {
    auto lines = fmt::format("  kernel {}, microcode {}, {}\n", facts.kernel ? dotted(*facts.kernel) : "unknown",
                             facts.microcode.empty() ? "unknown" : facts.microcode,
                             facts.is_nested ? "below another hypervisor" : "not below another hypervisor");
    for (const auto& problem : known_problems(facts, vendor)) {
        lines += fmt::format("  known    {}\n             kernels   {}\n             remedy    {}\n", problem.symptom,
                             problem.kernels, problem.remedy);
    }
    return lines;
}

Json to_json(const HostFacts& facts, Vendor vendor) {
    Json problems = Json::array();
    for (const auto& problem : known_problems(facts, vendor)) {
        problems.push_back({{"symptom", problem.symptom}, {"kernels", problem.kernels}, {"remedy", problem.remedy}});
    }
    return {{"kernel_version", facts.kernel ? Json(dotted(*facts.kernel)) : Json(nullptr)},
            {"microcode", facts.microcode},
            {"nested", facts.is_nested},
            {"kvm_parameters", facts.kvm_parameters},
            {"vulnerabilities", facts.vulnerabilities},
            {"known_problems", std::move(problems)}};
}

}  // namespace gatecrash::report
