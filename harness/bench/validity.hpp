#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/figure.hpp"

namespace gatecrash::bench {

/// VM exits during timed passes.
struct Exits {
    std::uint64_t taken = 0;
    std::uint64_t taken_without = 0;  ///< exits in as many passes without the entering instruction
    std::uint64_t passes = 0;

    [[nodiscard]] double per_pass() const;
};

/// Properties of a host that decide whether cycles mean anything.
struct CycleHost {
    bool has_one_rate;         ///< has_invariant_tsc()
    bool is_below_hypervisor;  ///< vm::is_below_hypervisor()
};

/// Returns why cycles are no result, a clause each; empty if they are one. If a guest exits once a pass, the cycles are
/// mostly KVM's. The host's timer causes an exit far less often, and that shows in the spread. A hypervisor below KVM
/// can take exits that KVM does not count.
[[nodiscard]] std::vector<std::string> doubts(const Figure& figure, const CycleHost& host, const Exits& exits);

/// Marks the figures of `bench harness` on a host that is below another hypervisor. Counts of exits are not valid
/// there, since KVM does not count what that hypervisor takes. Times stay valid: their notes say what they include.
void mark_below_hypervisor(std::vector<Figure>& figures);

}  // namespace gatecrash::bench
