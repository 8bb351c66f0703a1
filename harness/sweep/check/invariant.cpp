#include "sweep/check/invariant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatecrash::sweep {
namespace {

constexpr std::array all{Invariant::round_trip,
                         Invariant::kernel_gs,
                         Invariant::page_tables,
                         Invariant::stack,
                         Invariant::event_conservation,
                         Invariant::nmi_mask,
                         Invariant::progress,
                         Invariant::no_unexpected_vector,
                         Invariant::fault_origin,
                         Invariant::context_tracking,
                         Invariant::flags,
                         Invariant::fault_registers,
                         Invariant::leak,
                         Invariant::exit_work,
                         Invariant::read_only_tables,
                         Invariant::interrupt_stacks,
                         Invariant::kernel_memory,
                         Invariant::noinstr};

}  // namespace

std::span<const Invariant> invariants() { return all; }

std::string_view name_of(Invariant invariant) {
    switch (invariant) {
        case Invariant::round_trip:
            return "round trip";
        case Invariant::kernel_gs:
            return "kernel GS";
        case Invariant::page_tables:
            return "page tables";
        case Invariant::stack:
            return "stack";
        case Invariant::event_conservation:
            return "event conservation";
        case Invariant::nmi_mask:
            return "NMI mask";
        case Invariant::progress:
            return "progress";
        case Invariant::no_unexpected_vector:
            return "no unexpected vector";
        case Invariant::fault_origin:
            return "fault origin";
        case Invariant::context_tracking:
            return "context tracking";
        case Invariant::flags:
            return "flags";
        case Invariant::fault_registers:
            return "fault registers";
        case Invariant::leak:
            return "no leak";
        case Invariant::exit_work:
            return "exit work";
        case Invariant::read_only_tables:
            return "read-only tables";
        case Invariant::interrupt_stacks:
            return "interrupt stacks";
        case Invariant::kernel_memory:
            return "kernel memory";
        case Invariant::noinstr:
            break;
    }
    return "noinstr";
}

std::string describe(Invariant invariant) { return fmt::format("{} ({})", to_string(invariant), name_of(invariant)); }

std::string describe(const Violation& violation) {
    return fmt::format("{}: {}", describe(violation.invariant), violation.message);
}

std::string to_string(Invariant invariant) { return fmt::format("I{}", static_cast<unsigned>(invariant)); }

std::optional<Invariant> parse_invariant(std::string_view name) {
    const auto found = std::ranges::find_if(all, [&](Invariant invariant) { return to_string(invariant) == name; });
    return found == all.end() ? std::nullopt : std::optional(*found);
}

unsigned causal_rank(Invariant invariant) {
    constexpr std::array order{Invariant::stack,
                               Invariant::interrupt_stacks,
                               Invariant::read_only_tables,
                               Invariant::page_tables,
                               Invariant::kernel_gs,
                               Invariant::noinstr,
                               Invariant::flags,
                               Invariant::fault_origin,
                               Invariant::context_tracking,
                               Invariant::fault_registers,
                               Invariant::exit_work,
                               Invariant::event_conservation,
                               Invariant::leak,
                               Invariant::round_trip,
                               Invariant::nmi_mask,
                               Invariant::no_unexpected_vector,
                               Invariant::kernel_memory,
                               Invariant::progress};
    return static_cast<unsigned>(std::ranges::find(order, invariant) - order.begin());
}

}  // namespace gatecrash::sweep
