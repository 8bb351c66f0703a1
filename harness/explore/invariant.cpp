#include "gatecrash/explore/invariant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatecrash::explore {

std::string to_string(Invariant invariant) { return fmt::format("I{}", static_cast<unsigned>(invariant)); }

unsigned causal_rank(Invariant invariant) {
    constexpr std::array order{Invariant::stack,        Invariant::interrupt_stacks,   Invariant::read_only_tables,
                               Invariant::page_tables,  Invariant::kernel_gs,          Invariant::flags,
                               Invariant::fault_origin, Invariant::context_tracking,   Invariant::fault_registers,
                               Invariant::exit_work,    Invariant::event_conservation, Invariant::leak,
                               Invariant::round_trip,   Invariant::nmi_mask,           Invariant::no_unexpected_vector,
                               Invariant::progress};
    return static_cast<unsigned>(std::ranges::find(order, invariant) - order.begin());
}

}  // namespace gatecrash::explore
