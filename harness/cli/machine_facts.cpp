#include "machine_facts.hpp"

#include <sys/utsname.h>

#include <filesystem>
#include <fstream>

namespace gatecrash::cli {

std::string kvm_module() {
    for (const auto* name : {"kvm_amd", "kvm_intel", "kvm_pvm"}) {
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

}  // namespace gatecrash::cli
