#include "sweep/check/invariant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatecrash::sweep {

std::string to_string(Invariant invariant) { return fmt::format("I{}", static_cast<unsigned>(invariant)); }

std::optional<Invariant> parse_invariant(std::string_view name) {
    for (auto i = static_cast<unsigned>(Invariant::round_trip); i <= static_cast<unsigned>(Invariant::interrupt_stacks);
         ++i) {
        if (const auto invariant = static_cast<Invariant>(i); to_string(invariant) == name) return invariant;
    }
    return std::nullopt;
}

unsigned causal_rank(Invariant invariant) {
    constexpr std::array order{Invariant::stack,        Invariant::interrupt_stacks,   Invariant::read_only_tables,
                               Invariant::page_tables,  Invariant::kernel_gs,          Invariant::flags,
                               Invariant::fault_origin, Invariant::context_tracking,   Invariant::fault_registers,
                               Invariant::exit_work,    Invariant::event_conservation, Invariant::leak,
                               Invariant::round_trip,   Invariant::nmi_mask,           Invariant::no_unexpected_vector,
                               Invariant::progress};
    return static_cast<unsigned>(std::ranges::find(order, invariant) - order.begin());
}

}  // namespace gatecrash::sweep
