// Addresses in a guest, as values. Measurements compare them, and people read describe().
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace gatecrash::qualify {

/// The names that a guest's code can give to addresses. place.cpp has the words for each.
enum class Mark : std::uint8_t {
    doorbell,
    first_doorbell,
    second_doorbell,
    int3,
    first_int3,
    second_int3,
    int3_in_handler,
    int_n,
    int1,
    ud2,
    hlt,
    nop,
    pushf,
    popf,
    popf_of_if,
    if_set,
    sti,
    second_sti,
    mov_ss,
    lss,
    shadow,
    shadow_begin,
    syscall,
    syscall_entry,
    own_entry,
    sysret,
    sysenter,
    sysenter_entry,
    sysexit,
    iret,
    faulting_iret,
    short_return,
    far_jump,
    start_of_user_mode,
    first_user_instruction,
    push,
    wrmsr,
    other_port,
    mov_to_cr4,
    mov_from_dr0,
    mov_to_dr4,
    mov_from_dr4,
    read,
    write,
    read_with_ac,
    read_without_ac,
    instruction,
    breakpoint,
    branch_target,
    handler,
};

/// An address that a guest named.
struct Spot {
    enum class Relation : std::uint8_t { at, in, where, after };
    Relation relation;
    Mark mark;
    unsigned more = 0;  ///< further instructions after the mark

    constexpr bool operator==(const Spot&) const = default;
};

/// The first instruction of a vector's handler, or the one `more` instructions further on.
struct HandlerStart {
    std::uint64_t vector;
    unsigned more = 0;
    constexpr bool operator==(const HandlerStart&) const = default;
};

/// An address that nobody named.
struct Unnamed {
    std::uint64_t address;
    constexpr bool operator==(const Unnamed&) const = default;
};

using Place = std::variant<Spot, HandlerStart, Unnamed>;

[[nodiscard]] constexpr Spot at(Mark mark) { return {Spot::Relation::at, mark}; }
[[nodiscard]] constexpr Spot in(Mark mark) { return {Spot::Relation::in, mark}; }
[[nodiscard]] constexpr Spot where(Mark mark) { return {Spot::Relation::where, mark}; }
/// Names the address after the mark's instruction, or `more` instructions further on.
[[nodiscard]] constexpr Spot after(Mark mark, unsigned more = 0) { return {Spot::Relation::after, mark, more}; }
[[nodiscard]] constexpr Place handler_of(std::uint64_t vector, unsigned more = 0) { return HandlerStart{vector, more}; }

/// Returns words for people: "after the INT3", "one instruction after the STI", "at the start of the handler of #DB",
/// "0x1234".
[[nodiscard]] std::string describe(const Place& place);

/// Returns a name for people: "#BP", "NMI", "vector 0x40".
[[nodiscard]] std::string vector_name(std::uint64_t vector);

}  // namespace gatecrash::qualify
