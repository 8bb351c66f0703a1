#include "gatecrash/explore/invariant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatecrash::explore {

std::string to_string(Invariant invariant) { return fmt::format("I{}", static_cast<unsigned>(invariant)); }

const Violation& most_causal(const std::vector<Violation>& violations) {
    constexpr std::array order{Invariant::stack,        Invariant::interrupt_stacks,   Invariant::read_only_tables,
                               Invariant::page_tables,  Invariant::kernel_gs,          Invariant::flags,
                               Invariant::fault_origin, Invariant::context_tracking,   Invariant::fault_registers,
                               Invariant::exit_work,    Invariant::event_conservation, Invariant::leak,
                               Invariant::round_trip,   Invariant::nmi_mask,           Invariant::no_unexpected_vector,
                               Invariant::progress};
    const auto rank = [&](const Violation& violation) {
        return std::find(order.begin(), order.end(), violation.invariant) - order.begin();
    };
    return *std::min_element(violations.begin(), violations.end(),
                             [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

}  // namespace gatecrash::explore
