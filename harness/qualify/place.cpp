#include "qualify/place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "vm/vectors.hpp"

namespace gatecrash::qualify {
namespace {

struct MarkText {
    Mark mark;
    std::string_view text;
};

constexpr std::array mark_texts{
    MarkText{Mark::doorbell, "the doorbell"},
    MarkText{Mark::first_doorbell, "the first doorbell"},
    MarkText{Mark::second_doorbell, "the second doorbell"},
    MarkText{Mark::int3, "the INT3"},
    MarkText{Mark::first_int3, "the first INT3"},
    MarkText{Mark::second_int3, "the second INT3"},
    MarkText{Mark::int3_in_handler, "the INT3 in the handler"},
    MarkText{Mark::int_n, "the INT"},
    MarkText{Mark::int1, "the INT1"},
    MarkText{Mark::ud2, "the UD2"},
    MarkText{Mark::hlt, "the HLT"},
    MarkText{Mark::nop, "the NOP"},
    MarkText{Mark::pushf, "the PUSHF"},
    MarkText{Mark::popf, "the POPF"},
    MarkText{Mark::popf_of_if, "the POPF that sets IF"},
    MarkText{Mark::if_set, "IF lets it in"},
    MarkText{Mark::sti, "the STI"},
    MarkText{Mark::second_sti, "the second STI"},
    MarkText{Mark::mov_ss, "the MOV SS"},
    MarkText{Mark::lss, "the LSS"},
    MarkText{Mark::shadow, "the shadow"},
    MarkText{Mark::shadow_begin, "the start of the shadow"},
    MarkText{Mark::syscall, "the SYSCALL"},
    MarkText{Mark::syscall_entry, "the SYSCALL entry"},
    MarkText{Mark::own_entry, "its entry"},
    MarkText{Mark::sysret, "the SYSRET"},
    MarkText{Mark::sysenter, "the SYSENTER"},
    MarkText{Mark::sysenter_entry, "the SYSENTER entry"},
    MarkText{Mark::sysexit, "the SYSEXIT"},
    MarkText{Mark::iret, "the IRET"},
    MarkText{Mark::faulting_iret, "the faulting IRET"},
    MarkText{Mark::short_return, "the return"},
    MarkText{Mark::far_jump, "the far JMP"},
    MarkText{Mark::start_of_user_mode, "the start of user mode"},
    MarkText{Mark::first_user_instruction, "the first user instruction"},
    MarkText{Mark::push, "the PUSH"},
    MarkText{Mark::wrmsr, "the WRMSR"},
    MarkText{Mark::other_port, "the OUT to another port"},
    MarkText{Mark::mov_to_cr4, "the MOV to CR4"},
    MarkText{Mark::mov_from_dr0, "the MOV from DR0"},
    MarkText{Mark::mov_to_dr4, "the MOV to DR4"},
    MarkText{Mark::mov_from_dr4, "the MOV from DR4"},
    MarkText{Mark::read, "the read"},
    MarkText{Mark::write, "the write"},
    MarkText{Mark::read_with_ac, "the read with AC"},
    MarkText{Mark::read_without_ac, "the read without AC"},
    MarkText{Mark::instruction, "the instruction"},
    MarkText{Mark::breakpoint, "the breakpoint"},
    MarkText{Mark::branch_target, "the branch's target"},
    MarkText{Mark::handler, "the handler"},
};

/// True if the table has each mark at its own index.
constexpr bool has_every_mark() {
    for (std::size_t i = 0; i < mark_texts.size(); ++i) {
        if (static_cast<std::size_t>(mark_texts.at(i).mark) != i) return false;
    }
    return mark_texts.back().mark == Mark::handler;
}
static_assert(has_every_mark());

std::string distance_text(unsigned more) {
    return more == 1 ? "one instruction after" : fmt::format("{} instructions after", more);
}

std::string relation_text(const Spot& spot) {
    switch (spot.relation) {
        case Spot::Relation::at:
            return "at";
        case Spot::Relation::in:
            return "in";
        case Spot::Relation::where:
            return "where";
        case Spot::Relation::after:
            break;
    }
    return spot.more == 0 ? "after" : distance_text(spot.more);
}

struct PlaceText {
    std::string operator()(const Spot& spot) const {
        return fmt::format("{} {}", relation_text(spot), mark_texts.at(static_cast<std::size_t>(spot.mark)).text);
    }
    std::string operator()(const HandlerStart& start) const {
        return fmt::format("{} the start of the handler of {}", start.more == 0 ? "at" : distance_text(start.more),
                           vector_name(start.vector));
    }
    std::string operator()(const Unnamed& unnamed) const { return fmt::format("{:#x}", unnamed.address); }
};

}  // namespace

std::string describe(const Place& place) { return std::visit(PlaceText{}, place); }

std::string vector_name(std::uint64_t vector) {
    const auto name = vm::mnemonic_of(static_cast<unsigned>(vector));
    return name.empty() ? fmt::format("vector {:#x}", vector) : std::string(name);
}

}  // namespace gatecrash::qualify
