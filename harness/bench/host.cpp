#include "gatecrash/bench/host.hpp"

#include <cpuid.h>
#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace gatecrash::bench {
namespace {

/// The first word of a file, or nothing.
std::string word_in(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
}

}  // namespace

PinnedThread::PinnedThread() : cpu_(static_cast<unsigned>(::sched_getcpu())) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu_, &only);
    ::sched_setaffinity(0, sizeof only, &only);
}

PinnedThread::~PinnedThread() { ::sched_setaffinity(0, sizeof before_, &before_); }

bool has_invariant_tsc() {
    constexpr unsigned leaf = 0x80000007, invariant = 1 << 8;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(leaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & invariant) != 0;
}

std::vector<std::string> disturbances(unsigned cpu, const std::filesystem::path& root) {
    std::vector<std::string> found;
    const auto cpus = root / "sys/devices/system/cpu";
    const auto governor = word_in(cpus / fmt::format("cpu{}/cpufreq/scaling_governor", cpu));
    if (!governor.empty() && governor != "performance") {
        found.push_back(
            fmt::format("the clock is scaled (governor {}): cycles are those of the time-stamp counter, not "
                        "the core's; `cpupower frequency-set -g performance` helps",
                        governor));
    }
    if (word_in(cpus / "smt/active") == "1") {
        found.emplace_back(
            "the core is shared with another thread (SMT): `echo off > /sys/devices/system/cpu/smt/control` "
            "keeps that one idle");
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

}  // namespace gatecrash::bench
