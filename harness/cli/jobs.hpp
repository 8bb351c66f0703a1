// Decides how many workers there are.
#pragma once

#include <cstdint>
#include <optional>

#include "machines/machines.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::cli {

/// Maximum number of workers of one command, and of shards of one sweep.
constexpr unsigned most_jobs = 1024, max_shards = 65536;

/// Maximum of the default number of workers on this host's own KVM. More workers would share too few blocks
/// (sweep::Shard).
constexpr unsigned most_default_jobs = 16;

/// Returns the maximum number of workers that can share `shard`.
[[nodiscard]] unsigned max_jobs(sweep::Shard shard);

/// Returns the default number of workers: one for each of `cpus`, but at least one. If each worker has an emulated
/// machine of `machine_memory` bytes, those machines take at most half of `free_memory`, the host's free memory in
/// bytes. Otherwise there are at most most_default_jobs.
[[nodiscard]] unsigned default_jobs(unsigned cpus, std::optional<std::uint64_t> free_memory,
                                    std::uint64_t machine_memory);

/// Returns default_jobs() for this process and host. `emulated` is the machine that each worker starts; null if all use
/// the one that this process runs on.
[[nodiscard]] unsigned default_jobs_here(const machines::Machine* emulated);

}  // namespace gatecrash::cli
