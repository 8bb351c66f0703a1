// Represents the knowledge about the CPU at a place of entry code.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/entry_points.hpp"

namespace gatecrash::check {

/// Whose a GS base, a CR3 or a selector is.
enum class Owner : std::uint8_t { unknown, user, kernel };
[[nodiscard]] constexpr Owner other(Owner owner) {
    if (owner == Owner::unknown) return owner;
    return owner == Owner::user ? Owner::kernel : Owner::user;
}

/// The knowledge about a flag. An interrupted flag still has the value of the code that was interrupted.
enum class FlagState : std::uint8_t { unknown, clear, set, interrupted };

/// The knowledge about the value of a register or of a word on a stack.
struct Value {
    enum class Kind : std::uint8_t {
        unknown,
        constant,       ///< number
        stack,          ///< the address number of the stack that base names
        gs_base,        ///< the owner's GS base
        gs_base_high,   ///< its upper half, whose sign tells the owner
        cr3,            ///< the owner's CR3
        selector,       ///< a CS: with user, its RPL is 3; the upper half of the word is clear if `number` is 1
        stack_segment,  ///< an SS: with kernel, it is none of the LDT, so TI is clear
        flags,          ///< the interrupted EFLAGS: with kernel, VM is clear
        mixed,          ///< such flags, whose lowest byte is that of the CS beside them
        privilege,      ///< VM of such flags, and RPL of that CS: with kernel, both are 0
        segment,        ///< the owner's selector of DS, ES, FS or GS; it is in the code if `number` is 1
        rip,            ///< the interrupted RIP
        interrupted,    ///< the interrupted code's value; the lowest byte is `number` unless that is negative
    };
    Kind kind = Kind::unknown;
    Owner owner = Owner::unknown;
    std::uint64_t base = 0;
    std::int64_t number = 0;

    friend bool operator==(const Value&, const Value&) = default;
    [[nodiscard]] bool is(Kind which) const { return kind == which; }
};

[[nodiscard]] constexpr Value constant(std::int64_t number) {
    return {Value::Kind::constant, Owner::unknown, 0, number};
}
[[nodiscard]] constexpr Value stack_address(std::uint64_t base, std::int64_t number) {
    return {Value::Kind::stack, Owner::unknown, base, number};
}
[[nodiscard]] constexpr Value owned(Value::Kind kind, Owner owner) { return {kind, owner, 0, 0}; }

/// A selector that the code itself names, so that it is one of the kernel's.
constexpr Value own_selector{Value::Kind::segment, Owner::kernel, 0, 1};

/// The stacks that an entry can find; any other is named by the address of the instruction that loads RSP.
constexpr std::uint64_t users_stack = 1, entry_stack = 2;

/// A word on a stack whose value is known.
struct Slot {
    std::uint64_t base = 0;
    std::int64_t offset = 0;
    Value value;
    friend bool operator==(const Slot&, const Slot&) = default;
};

/// Tells how the last comparison decides conditional branches.
struct Comparison {
    std::optional<bool> zero, sign, carry;
    /// The word whose lowest two bits were tested: the branch tells the RPL of the selector in it.
    std::optional<std::pair<std::uint64_t, std::int64_t>> tested_selector;
    bool is_of_rip = false;        ///< the interrupted RIP was compared
    bool is_of_rsp = false;        ///< bits of RSP were tested
    std::uint8_t interrupted = 0;  ///< 1 + the number of a register that still has the interrupted value; 0: none
    friend bool operator==(const Comparison&, const Comparison&) = default;
};

constexpr std::size_t rax_number = 0, rcx_number = 1, rdx_number = 2, rsp_number = 4, rbp_number = 5, rsi_number = 6,
                      rdi_number = 7;

/// The segment registers that keep the user's selectors when the CPU enters. Only 32-bit code needs them.
enum class Segment : std::uint8_t { es, ds, fs, gs };

struct EntryState {
    std::uint64_t ip = 0;
    Owner gs = Owner::unknown, cr3 = Owner::unknown;
    Owner interrupted_gs = Owner::unknown, interrupted_cr3 = Owner::unknown;  ///< those of the interrupted code
    std::array<Owner, 4> segments{};                                          ///< by Segment
    FlagState interrupts = FlagState::unknown, direction = FlagState::unknown, alignment = FlagState::unknown;
    bool has_verw = false;                         ///< since the last call
    bool has_ibpb = false, has_spec_ctrl = false;  ///< written since the last call
    bool has_conditional_gs = false;  ///< SWAPGS may have been skipped or executed speculatively since the last fence
    std::array<Value, 16> registers;
    std::vector<Slot> slots;  ///< by base and offset
    Comparison comparison;

    friend bool operator==(const EntryState&, const EntryState&) = default;

    [[nodiscard]] const Value& rsp() const { return registers[rsp_number]; }
    [[nodiscard]] Owner& segment(Segment which) { return segments[static_cast<std::size_t>(which)]; }
    [[nodiscard]] Owner segment(Segment which) const { return segments[static_cast<std::size_t>(which)]; }
    [[nodiscard]] Value load(std::uint64_t base, std::int64_t offset) const;
    void store(std::uint64_t base, std::int64_t offset, const Value& value);
    /// Forgets words of this stack below `offset`.
    void drop_below(std::uint64_t base, std::int64_t offset);
    /// Forgets what a function may change: registers, flags, and all words but selectors, flags and return addresses.
    /// `bits` are those of the code.
    void forget_for_call(unsigned bits);
    /// Forgets in which state the CPU entered, and what followed from that.
    void forget_entry();
    [[nodiscard]] std::size_t hash() const;
};

/// A state in which the CPU can enter, and what to call it.
struct EntryContext {
    EntryState state;
    std::string description;  ///< "from CPL 3"
    bool is_from_user = false;
};

/// Returns every state in which the CPU can enter code of so many bits at an entry point. There is none for the kind
/// `unknown`, nor in 32-bit code for one that a task gate leads to.
[[nodiscard]] std::vector<EntryContext> contexts_of(const EntryPoint& entry, unsigned bits);

}  // namespace gatecrash::check
