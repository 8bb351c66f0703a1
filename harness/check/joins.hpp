// Finds where paths meet that have left the CPU in different states.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "check/entry_state.hpp"
#include "check/rule.hpp"

namespace gatecrash::check {

/// A place where two paths meet: one has the user's GS base, CR3 or segments, and the other the kernel's. Nothing else
/// that is followed tells them apart, so code from there on cannot know which path it is on.
struct Join {
    std::uint64_t address = 0;
    std::int32_t step = -1;  ///< the last one of the path that came later
    std::string_view what;   ///< in what they differ, such as "GS base"
};

/// Collects the joins of all paths that begin at one entry in one state.
class Joins {
  public:
    void clear();
    /// Notes that a path has come to `state.ip`. `step` is the index of the path's last step.
    void arrive(const EntryState& state, std::int32_t step);
    /// Returns the join that made a path break `rule` at `address`, on a step. Goes back from there as long as each
    /// step has a join. `before(step)` returns the step before, and less than 0 if there is none.
    template <typename Before>
    [[nodiscard]] std::optional<Join> cause(Rule rule, std::uint64_t address, std::int32_t step,
                                            const Before& before) const {
        const auto respect = respect_of(rule);
        std::optional<Join> cause;
        for (; respect && step >= 0; step = before(step)) {
            const auto join = joins_.find({step, *respect});
            if (join == joins_.end() || (!cause && join->second.address > address)) break;
            cause = join->second;
        }
        return cause;
    }

  private:
    enum class Respect : std::uint8_t { gs_base, page_tables, segments };
    struct Arrival {
        std::array<Owner, 3> owners{};  ///< by Respect; of the segments, that of DS
        std::int32_t step = -1;
    };
    struct Hash {
        std::size_t operator()(const EntryState& state) const { return state.hash(); }
    };

    [[nodiscard]] static std::optional<Respect> respect_of(Rule rule);

    /// By what code could tell the paths apart by.
    std::unordered_map<EntryState, std::vector<Arrival>, Hash> arrivals_;
    std::map<std::pair<std::int32_t, Respect>, Join> joins_;  ///< by step
};

}  // namespace gatecrash::check
