#include "check/joins.hpp"

namespace gatecrash::check {
namespace {

/// By Joins::Respect.
constexpr std::string_view names[] = {"GS base", "CR3", "segments"};

bool differ(Owner a, Owner b) { return a != Owner::unknown && b != Owner::unknown && a != b; }

/// Returns what code could tell paths apart by. It sees neither owners nor what the CPU has executed.
EntryState visible(EntryState state) {
    state.gs = state.cr3 = Owner::unknown;
    state.segments.fill(Owner::unknown);
    state.comparison = {};
    state.has_conditional_gs = state.has_verw = state.has_ibpb = state.has_spec_ctrl = false;
    return state;
}

}  // namespace

void Joins::clear() {
    arrivals_.clear();
    joins_.clear();
}

void Joins::arrive(const EntryState& state, std::int32_t step) {
    const Arrival now{{state.gs, state.cr3, state.segment(Segment::ds)}, step};
    auto& others = arrivals_[visible(state)];
    for (const auto& other : others) {
        for (const auto respect : {Respect::gs_base, Respect::page_tables, Respect::segments}) {
            const auto i = static_cast<std::size_t>(respect);
            if (!differ(now.owners[i], other.owners[i])) continue;
            const Join join{state.ip, step, names[i]};
            for (const auto each : {other.step, step}) joins_.try_emplace({each, respect}, join);
        }
    }
    others.push_back(now);
}

std::optional<Joins::Respect> Joins::respect_of(Rule rule) {
    switch (rule) {
        case Rule::user_gs_access:
        case Rule::user_gs_call:
        case Rule::wrong_gs_return:
            return Respect::gs_base;
        case Rule::user_cr3_access:
        case Rule::user_cr3_call:
        case Rule::wrong_cr3_return:
            return Respect::page_tables;
        case Rule::user_segment_access:
        case Rule::user_segment_call:
            return Respect::segments;
        default:
            return std::nullopt;
    }
}

}  // namespace gatecrash::check
