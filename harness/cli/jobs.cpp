#include "cli/jobs.hpp"

#include <algorithm>
#include <thread>

#include "cli/cpu_limit.hpp"
#include "cli/machine_facts.hpp"

namespace gatecrash::cli {

unsigned max_jobs(sweep::Shard shard) { return std::min(most_jobs, max_shards / shard.count); }

unsigned default_jobs(unsigned cpus, std::optional<std::uint64_t> free_memory, std::uint64_t machine_memory) {
    const auto most = free_memory ? *free_memory / 2 / machine_memory : most_default_jobs;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(cpus, 1, std::max<std::uint64_t>(1, most)));
}

unsigned default_jobs_here(const machines::Machine* emulated) {
    const auto free_memory = emulated != nullptr ? available_memory() : std::nullopt;
    auto cpus = cpus_of_process();
    if (cpus == 0) cpus = std::thread::hardware_concurrency();
    return default_jobs(std::min(cpus, cpu_quota().value_or(cpus)), free_memory,
                        emulated != nullptr ? emulated->memory : 0);
}

}  // namespace gatecrash::cli
