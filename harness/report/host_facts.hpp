#pragma once

#include <compare>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/sweep_json.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::report {

/// The version of a Linux kernel, such as 6.1.192.
struct KernelVersion {
    unsigned major = 0, minor = 0, patch = 0;
    auto operator<=>(const KernelVersion&) const = default;
};

/// Facts about this computer, on which its KVM's behaviours and speed depend.
struct HostFacts {
    std::string microcode;  ///< revision of CPU 0, as the kernel prints it; empty if unknown
    bool is_nested = false;
    std::optional<KernelVersion> kernel;                ///< of the sources, which a distribution's release may not have
    std::map<std::string, std::string> kvm_parameters;  ///< such as "kvm_amd.vnmi" and "Y"
    std::map<std::string, std::string> vulnerabilities;  ///< files of /sys/devices/system/cpu/vulnerabilities

    bool operator==(const HostFacts&) const = default;
};

/// True if the file `name` among `values`, which are KVM's parameters or vulnerabilities, says `part`.
[[nodiscard]] bool has(const std::map<std::string, std::string>& values, const std::string& name,
                       std::string_view part);

/// Reads the facts from the files below `root`. What is not there is left out.
[[nodiscard]] HostFacts read_host_facts(const std::filesystem::path& root = "/");

/// A property of a kernel that users meet with gatecrash.
struct KernelProblem {
    std::string_view symptom, kernels, remedy;
};

/// Returns the known problems that `facts` have on a CPU of `vendor`. A distribution can have mended one in a version
/// that the table takes for affected.
[[nodiscard]] std::vector<KernelProblem> known_problems(const HostFacts& facts, vm::Vendor vendor);

/// Returns the lines of `doctor` for the facts that matter, and for the problems.
[[nodiscard]] std::string describe(const HostFacts& facts, vm::Vendor vendor);

[[nodiscard]] Json to_json(const HostFacts& facts, vm::Vendor vendor);

}  // namespace gatecrash::report
