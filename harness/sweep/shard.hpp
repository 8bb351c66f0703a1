#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecrash::sweep {

/// One of `count` parts of a sweep, which have no schedule in common and all of them together. The boundaries of the
/// run without events are dealt out in blocks, by turns, and a schedule is of the shard of the boundary where its first
/// event is delivered; the empty schedule is of the first.
struct Shard {
    unsigned index = 1;  ///< from 1
    unsigned count = 1;

    /// Boundaries of one block. Only within a block are schedules compared with each other, so that what is pruned does
    /// not depend on the shards. Larger ones would prune more, and smaller ones be dealt out more evenly.
    static constexpr std::uint64_t block_size = 16;
    [[nodiscard]] static constexpr std::uint64_t block_of(std::uint64_t boundary) { return boundary / block_size; }

    /// Returns whether it has any boundary of a sweep with so many `boundaries`.
    [[nodiscard]] bool has_any_of(std::uint64_t boundaries) const { return boundaries > (index - 1) * block_size; }
    [[nodiscard]] bool has(std::uint64_t boundary) const { return block_of(boundary) % count == index - 1; }
    [[nodiscard]] bool is_whole() const { return count == 1; }
    bool operator==(const Shard&) const = default;
};

/// "1/3".
[[nodiscard]] std::string to_string(Shard shard);
/// Of what to_string() makes; empty if it is none.
[[nodiscard]] std::optional<Shard> parse_shard(std::string_view text);

}  // namespace gatecrash::sweep
