// Executes one instruction on what is known about the CPU.
#pragma once

#include <functional>

#include "check/alternatives.hpp"
#include "check/code_map.hpp"
#include "check/decoder.hpp"
#include "check/entry_state.hpp"
#include "check/policy.hpp"
#include "check/rule.hpp"

namespace gatecrash::check {

/// Facts about the code as a whole, which decide whether some rules apply.
struct CodeFacts {
    bool changes_gs = false;      ///< so the kernel has a GS base of its own
    bool switches_cr3 = false;    ///< from the user's to the kernel's or back, so the user has page tables
    bool changes_ac = false;      ///< CLAC or STAC: so there is SMAP
    bool loads_segments = false;  ///< with selectors of its own, so they may be the user's
};

/// Reports that a rule is broken: the rule, and what happens.
using Accuse = std::function<void(Rule, std::string)>;

class Interpreter {
  public:
    Interpreter(const CodeMap& map, const Policy& policy);

    /// Executes the instruction at `state.ip`, whose flow is `next`, `breakpoint` or a call that `state` does not
    /// follow, and checks its accesses. All branches are the caller's.
    void execute(EntryState& state, const Decoded& decoded,
                 const ZydisDecodedOperand (&operands)[ZYDIS_MAX_OPERAND_COUNT], const Accuse& accuse);
    /// Checks a call of code that is not followed, and forgets what it may change.
    void call_outside(EntryState& state, bool is_direct, const Accuse& accuse) const;
    /// Checks IRET, SYSRET or SYSEXIT.
    void return_from_entry(const EntryState& state, const Decoded& decoded, const Accuse& accuse) const;

    void push(EntryState& state, const Value& value, const Accuse& accuse) const;
    Value pop(EntryState& state) const;
    /// Removes bytes from the stack.
    void drop(EntryState& state, std::int64_t size) const;

    [[nodiscard]] const CodeFacts& facts() const { return facts_; }

  private:
    using Operands = const ZydisDecodedOperand (&)[ZYDIS_MAX_OPERAND_COUNT];

    void push(EntryState& state, const Value& value, std::int64_t size, const Accuse& accuse) const;
    /// Lets RSP have a value. One that is no known stack is named by this instruction.
    static void move_stack(EntryState& state, const Value& rsp);

    void subtract_unknown(EntryState& state, const ZydisDecodedOperand& operand);
    static void forget_stack(EntryState& state, std::uint64_t base);

    // Each returns false for an instruction that it does not know.
    static void note_barriers(EntryState& state);
    bool execute_gs(EntryState& state, const Decoded& decoded, Operands operands);
    bool execute_system(EntryState& state, const Decoded& decoded, Operands operands);
    bool execute_stack(EntryState& state, const Decoded& decoded, Operands operands, const Accuse& accuse);
    bool copy_words(EntryState& state, const Decoded& decoded, Operands operands);
    bool execute_data(EntryState& state, const Decoded& decoded, Operands operands);
    bool execute_arithmetic(EntryState& state, const Decoded& decoded, Operands operands);
    void compare(EntryState& state, const Decoded& decoded, Operands operands);
    void test_bits(EntryState& state, const ZydisDecodedOperand& operand, const Value& value, const Value& bits) const;
    void forget_results(EntryState& state, const Decoded& decoded, Operands operands);
    void check_accesses(const EntryState& state, const Decoded& decoded, Operands operands, const Accuse& accuse) const;

    /// Returns the address of a memory operand, if the code alone tells it.
    [[nodiscard]] std::optional<std::uint64_t> address_of(const EntryState& state, const Decoded& decoded,
                                                          const ZydisDecodedOperand& operand) const;
    [[nodiscard]] std::optional<std::pair<std::uint64_t, std::int64_t>> slot_of(
        const EntryState& state, const ZydisDecodedOperand& operand) const;
    [[nodiscard]] Value read(const EntryState& state, const Decoded& decoded, const ZydisDecodedOperand& operand) const;
    void write(EntryState& state, const ZydisDecodedOperand& operand, const Value& value);

    /// Returns an immediate operand as a number with a sign.
    [[nodiscard]] std::int64_t immediate(const ZydisDecodedOperand& operand) const;

    const CodeMap& map_;
    std::int64_t word_;  ///< bytes of a word on the stack
    Policy policy_;
    Alternatives alternatives_;
    CodeFacts facts_;
};

}  // namespace gatecrash::check
