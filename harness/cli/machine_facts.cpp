#include "cli/machine_facts.hpp"

#include <sys/utsname.h>

#include <filesystem>
#include <fstream>

#include "vm/vendor.hpp"

namespace gatecrash::cli {

std::string kvm_module() {
    // Kernels that have both built in show both.
    const bool is_amd = vm::cpu_vendor() == vm::Vendor::amd;
    for (const auto* name : {is_amd ? "kvm_amd" : "kvm_intel", "kvm_pvm"}) {
        std::error_code ignored;
        if (std::filesystem::exists(std::filesystem::path("/sys/module") / name, ignored)) return name;
    }
    return "unknown";
}

std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (!line.starts_with("model name")) continue;
        const auto colon = line.find(": ");
        if (colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "unknown";
}

std::optional<std::uint64_t> available_memory() {
    std::ifstream info("/proc/meminfo");
    for (std::string name, line; info >> name; std::getline(info, line)) {
        std::uint64_t kilobytes = 0;
        if (name == "MemAvailable:" && info >> kilobytes) return kilobytes << 10;
    }
    return std::nullopt;
}

}  // namespace gatecrash::cli
