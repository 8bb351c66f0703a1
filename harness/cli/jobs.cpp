#include "cli/jobs.hpp"

#include <algorithm>
#include <thread>

#include "cli/cpu_limit.hpp"
#include "cli/machine_facts.hpp"
#include "machines/run.hpp"

namespace gatecrash::cli {

unsigned max_jobs(sweep::Shard shard) { return std::min(most_jobs, max_shards / shard.count); }

unsigned default_jobs(unsigned cpus, std::optional<std::uint64_t> free_memory) {
    const auto most = free_memory ? *free_memory / 2 / machines::memory_size : most_default_jobs;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(cpus, 1, std::max<std::uint64_t>(1, most)));
}

unsigned default_jobs_here(bool have_emulators) {
    const auto free_memory = have_emulators ? available_memory() : std::nullopt;
    auto cpus = cpus_of_process();
    if (cpus == 0) cpus = std::thread::hardware_concurrency();
    return default_jobs(std::min(cpus, cpu_quota().value_or(cpus)), free_memory);
}

}  // namespace gatecrash::cli
