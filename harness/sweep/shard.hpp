#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecrash::sweep {

/// One of `count` parts of a sweep; each schedule belongs to exactly one of them. Blocks of boundaries of the run
/// without events are dealt out by turns. A schedule belongs to the shard of the boundary where its first event is
/// delivered, the empty schedule to the first shard.
struct Shard {
    unsigned index = 1;  ///< counts from 1
    unsigned count = 1;

    /// Boundaries in one block. Schedules are compared only within a block, so that pruning does not depend on the
    /// shards. Larger blocks would prune more; smaller ones would divide the work more evenly.
    static constexpr std::uint64_t block_size = 16;
    [[nodiscard]] static constexpr std::uint64_t block_of(std::uint64_t boundary) { return boundary / block_size; }

    /// True if a sweep with that many `boundaries` has any for this shard.
    [[nodiscard]] bool has_any_of(std::uint64_t boundaries) const { return boundaries > (index - 1) * block_size; }
    [[nodiscard]] bool has(std::uint64_t boundary) const { return block_of(boundary) % count == index - 1; }
    [[nodiscard]] bool is_whole() const { return count == 1; }
    bool operator==(const Shard&) const = default;
};

/// Returns INDEX/COUNT, such as "1/3".
[[nodiscard]] std::string to_string(Shard shard);
/// Reads what to_string() returns. Empty if `text` is not a shard.
[[nodiscard]] std::optional<Shard> parse_shard(std::string_view text);

}  // namespace gatecrash::sweep
