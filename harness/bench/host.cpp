#include "bench/host.hpp"

#include <cpuid.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace gatecrash::bench {
namespace {

/// Returns the first word of a file. Empty if there is none.
std::string word_in(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
}

/// True if a list of CPUs such as "0-7,16" has `cpu`.
bool has_cpu(const std::string& list, unsigned cpu) {
    std::istringstream ranges(list);
    for (std::string range; std::getline(ranges, range, ',');) {
        unsigned first = 0, last = 0;
        const int read = std::sscanf(range.c_str(), "%u-%u", &first, &last);
        if (read >= 1 && first <= cpu && cpu <= (read == 2 ? last : first)) return true;
    }
    return false;
}

}  // namespace

PinnedThread::PinnedThread() : cpu_(static_cast<unsigned>(std::max(::sched_getcpu(), 0))) {
    if (::sched_getaffinity(0, sizeof before_, &before_) != 0) return;  // the host has more CPUs than a cpu_set_t
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu_, &only);
    is_pinned_ = ::sched_setaffinity(0, sizeof only, &only) == 0;
}

PinnedThread::~PinnedThread() {
    if (is_pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
}

bool has_invariant_tsc() {
    constexpr unsigned leaf = 0x80000007, invariant = 1 << 8;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(leaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & invariant) != 0;
}

bool has_cpu_flag(const std::string& name, const std::filesystem::path& root) {
    std::ifstream stream(root / "proc/cpuinfo");
    for (std::string line; std::getline(stream, line);) {
        if (!line.starts_with("flags")) continue;
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            if (word == name) return true;
        }
        return false;
    }
    return false;
}

std::vector<std::string> disturbances(unsigned cpu, const std::filesystem::path& root) {
    std::vector<std::string> found;
    const auto cpus = root / "sys/devices/system/cpu";
    const auto governor = word_in(cpus / fmt::format("cpu{}/cpufreq/scaling_governor", cpu));
    if (!governor.empty() && governor != "performance") {
        found.push_back(
            fmt::format("the clock is scaled (governor {}): cycles count the time-stamp counter, not the core's clock; "
                        "`cpupower frequency-set -g performance` helps",
                        governor));
    }
    if (word_in(cpus / "intel_pstate/no_turbo") == "0" || word_in(cpus / "cpufreq/boost") == "1") {
        found.emplace_back("the core may run faster than its time-stamp counter (turbo, boost)");
    }
    // The kernel has such a folder for each kind of core, and none if all are alike.
    for (const auto* kind : {"cpu_core", "cpu_atom"}) {
        if (!has_cpu(word_in(root / "sys/devices" / kind / "cpus"), cpu)) continue;
        found.push_back(
            fmt::format("the host has cores of several kinds, and this one is a {}: compare only figures of one kind; "
                        "`taskset -c` chooses the core",
                        kind));
    }
    if (has_cpu_flag("hypervisor", root)) {
        found.emplace_back("this host is itself a guest: the cycles include the work of its hypervisor");
    }
    if (word_in(cpus / "smt/active") == "1") {
        found.emplace_back(
            "the core is shared with another thread (SMT): `echo off > /sys/devices/system/cpu/smt/control` "
            "keeps the other thread idle");
    }
    return found;
}

std::uint64_t stolen_ticks(unsigned cpu, const std::filesystem::path& root) {
    std::ifstream stream(root / "proc/stat");
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        if (name != fmt::format("cpu{}", cpu)) continue;
        constexpr int steal = 8;
        std::uint64_t ticks = 0;
        for (int i = 0; i < steal; ++i) words >> ticks;
        return words ? ticks : 0;
    }
    return 0;
}

std::uint64_t involuntary_switches() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return static_cast<std::uint64_t>(usage.ru_nivcsw);
}

}  // namespace gatecrash::bench
