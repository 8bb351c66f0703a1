// Names the behaviours of a KVM that gatecrash measures. docs/reference/behaviours.md describes each of them;
// harness/qualify measures them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::vm {

/// Something that a CPU and its KVM do, or fail to do.
enum class Behaviour : std::uint8_t {
#define BEHAVIOUR(enumerator, name, rank, meaning) enumerator,
#include "vm/behaviours.def"
};

/// Says who relies on a behaviour.
enum class BehaviourRank : std::uint8_t {
    basic,  ///< everything: a machine where it differs from real hardware is unfit
    other,  ///< some variants, events or defaults
    fact,   ///< no command: the behaviour only tells machines apart
};

struct BehaviourInfo {
    Behaviour behaviour;
    std::string_view name;  ///< kebab-case and stable: scripts, JSON and skip reasons use it
    BehaviourRank rank;
    std::string_view meaning;  ///< what real hardware does, as a clause for messages; empty for a fact
};

/// Has one row for each behaviour, in the order of the enumeration, which is the order of measuring.
inline constexpr std::array behaviours{
#define BEHAVIOUR(enumerator, name, rank, meaning) \
    BehaviourInfo{Behaviour::enumerator, name, BehaviourRank::rank, meaning},
#include "vm/behaviours.def"
};

[[nodiscard]] constexpr const BehaviourInfo& info(Behaviour behaviour) {
    return behaviours.at(static_cast<std::size_t>(behaviour));
}
[[nodiscard]] constexpr std::string_view to_string(Behaviour behaviour) { return info(behaviour).name; }
[[nodiscard]] constexpr bool is_basic(Behaviour behaviour) { return info(behaviour).rank == BehaviourRank::basic; }

/// Returns the behaviour without which a CPU cannot have this one; empty if there is none.
[[nodiscard]] constexpr std::optional<Behaviour> presupposed_by(Behaviour behaviour) {
    const bool is_of_shadow_stacks = behaviour > Behaviour::shadow_stacks && behaviour <= Behaviour::ssp_over_syscall;
    return is_of_shadow_stacks ? std::optional(Behaviour::shadow_stacks) : std::nullopt;
}

/// Reads a name that to_string() returns. Empty if `name` is no behaviour.
[[nodiscard]] constexpr std::optional<Behaviour> parse_behaviour(std::string_view name) {
    for (const auto& row : behaviours) {
        if (row.name == name) return row.behaviour;
    }
    return std::nullopt;
}

[[nodiscard]] inline std::vector<std::string_view> names_of(std::span<const Behaviour> behaviours) {
    std::vector<std::string_view> names;
    names.reserve(behaviours.size());
    for (const auto behaviour : behaviours) names.push_back(to_string(behaviour));
    return names;
}

/// Returns a text such as "lsl (LSL returns the limit of a segment)", or only the name of a fact.
[[nodiscard]] inline std::string describe(Behaviour behaviour) {
    const auto& [itself, name, rank, meaning] = info(behaviour);
    std::string text(name);
    if (!meaning.empty()) text.append(" (").append(meaning).append(")");
    return text;
}

/// Orders behaviours by name, as documents list them.
struct ByName {
    constexpr bool operator()(Behaviour one, Behaviour other) const { return to_string(one) < to_string(other); }
};

}  // namespace gatecrash::vm
