#include "check/explore_entries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_set>
#include <utility>

#include "check/branch_targets.hpp"
#include "check/joins.hpp"

namespace gatecrash::check {
namespace {

struct HashOfState {
    std::size_t operator()(const EntryState& state) const { return state.hash(); }
};

/// A run of instructions that a path enters at its start.
struct Step {
    std::uint64_t address = 0, branch = 0;
    std::int32_t before = -1;
};

/// A finding of the paths that are explored now.
struct Consequence {
    Rule rule{};
    std::uint64_t address = 0;
    std::int32_t step = -1;
};

/// How a conditional branch depends on the last comparison.
struct Condition {
    enum class Of : std::uint8_t { zero, sign, carry, other } of = Of::other;
    bool when = false;  ///< the value of the flag with which the branch is taken
};

Condition condition_of(ZydisMnemonic mnemonic) {
    using Of = Condition::Of;
    switch (mnemonic) {
        case ZYDIS_MNEMONIC_JZ:
            return {Of::zero, true};
        case ZYDIS_MNEMONIC_JNZ:
            return {Of::zero, false};
        case ZYDIS_MNEMONIC_JS:
            return {Of::sign, true};
        case ZYDIS_MNEMONIC_JNS:
            return {Of::sign, false};
        case ZYDIS_MNEMONIC_JB:
            return {Of::carry, true};
        case ZYDIS_MNEMONIC_JNB:
            return {Of::carry, false};
        default:
            return {};
    }
}

enum class Outcome : std::uint8_t { unknown, taken, not_taken };
/// Returns whether a branch with that condition is taken after the comparison.
Outcome known_outcome(const Comparison& comparison, const Condition& condition) {
    const auto outcome = [&](const std::optional<bool>& flag) {
        if (!flag.has_value()) return Outcome::unknown;
        return flag.value() == condition.when ? Outcome::taken : Outcome::not_taken;
    };
    switch (condition.of) {
        case Condition::Of::zero:
            return outcome(comparison.zero);
        case Condition::Of::sign:
            return outcome(comparison.sign);
        case Condition::Of::carry:
            return outcome(comparison.carry);
        default:
            return Outcome::unknown;
    }
}

class EntryExplorer {
  public:
    EntryExplorer(const CodeMap& map, const Policy& policy)
        : map_(map), decoder_(map.file().bits), interpreter_(map, policy) {}

    EntryFindings explore(const std::vector<EntryPoint>& entries) {
        followed_.resize(map_.sections().size());
        for (const auto& entry : entries) {
            if (map_.is_checked(entry.address)) followed_[map_.section_of(entry.address)] = true;
        }
        for (const auto& entry : entries) {
            if (!map_.is_checked(entry.address)) continue;
            const auto contexts = contexts_of(entry, map_.file().bits);
            if (contexts.empty()) {
                const bool is_unknown = entry.kind == EntryKind::unknown;
                result_.unchecked.push_back(
                    {state_of(entry), is_unknown ? "name its kind with --entry" : "a task gate loads it from a TSS"});
            }
            for (const auto& context : contexts) {
                if (explore(entry, context)) continue;
                result_.unchecked.push_back(
                    {state_of(entry), fmt::format("{}, more than {} states", context.description, max_states)});
            }
        }
        drop_rules_that_do_not_apply();
        return std::move(result_);
    }

  private:
    static constexpr std::size_t max_states = 4000;
    static constexpr std::int64_t ss_after_cs = 24;  ///< bytes, in a frame of 64-bit code

    static std::string state_of(const EntryPoint& entry) { return "the entry state of " + entry.name; }

    /// Returns false if there are too many states to follow all.
    bool explore(const EntryPoint& entry, const EntryContext& context) {
        context_ = &context;
        registers_are_arguments_ =
            entry.kind == EntryKind::syscall || entry.kind == EntryKind::sysenter || entry.kind == EntryKind::idt_call;
        steps_.clear();
        waiting_.clear();
        seen_.clear();
        targets_.clear();
        joins_.clear();
        consequences_.clear();
        step_ = -1;
        enqueue(context.state, entry.address);
        while (!waiting_.empty() && seen_.size() <= max_states) {
            auto [state, step] = std::move(waiting_.front());
            waiting_.pop_front();
            step_ = step;
            run(std::move(state));
        }
        add_joins();
        return waiting_.empty();
    }

    /// Adds the places where paths met that were then accused for what they differed in.
    void add_joins() {
        const auto before = [&](std::int32_t step) { return steps_[static_cast<std::size_t>(step)].before; };
        for (const auto& [rule, address, step] : std::exchange(consequences_, {})) {
            const auto join = joins_.cause(rule, address, step, before);
            if (!join) continue;
            step_ = join->step;
            add(Rule::joined_states, join->address,
                fmt::format("paths meet with the user's and with the kernel's {}", join->what));
        }
    }

    /// True for code in a section with entry points. Other sections have functions that such code calls when it has
    /// established the kernel's state.
    [[nodiscard]] bool is_followed(std::uint64_t address) const {
        const auto i = map_.section_of(address);
        return i < followed_.size() && followed_[i];
    }

    void enqueue(EntryState state, std::uint64_t branch) {
        if (!is_followed(state.ip) || !seen_.insert(state).second) return;
        targets_.insert(state.ip);
        steps_.push_back({state.ip, branch, step_});
        waiting_.emplace_back(std::move(state), static_cast<std::int32_t>(steps_.size() - 1));
    }

    /// Follows a path up to its next branch.
    void run(EntryState state) {
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        while (true) {
            const auto i = map_.section_of(state.ip);
            if (i == map_.sections().size()) return;
            if (targets_.contains(state.ip)) joins_.arrive(state, step_);
            const auto& section = map_.sections()[i];
            const auto decoded = decoder_.decode(section.bytes.subspan(state.ip - section.address), state.ip, operands);
            if (!decoded || !follow(state, *decoded, operands, section)) return;
            state.ip = decoded->next();
        }
    }

    /// Follows one instruction. Returns false if the path does not simply go on.
    bool follow(EntryState& state, const Decoded& decoded,
                const ZydisDecodedOperand (&operands)[ZYDIS_MAX_OPERAND_COUNT], const Range& section) {
        const auto accuse = accuse_at(decoded.address, state);
        switch (decoded.flow) {
            case Flow::next:
            case Flow::breakpoint:
                interpreter_.execute(state, decoded, operands, accuse);
                return true;
            case Flow::jump:
                jump(state, decoded, accuse);
                return false;
            case Flow::conditional_jump:
                branch(state, decoded);
                return false;
            case Flow::call:
                if (is_followed(decoded.target)) {
                    const bool returns = map_.call_returns(decoded, section);
                    interpreter_.push(state, returns ? constant(static_cast<std::int64_t>(decoded.next())) : Value{},
                                      accuse);
                    go(std::move(state), decoded.target, decoded.address);
                    return false;
                }
                check_call_push(state, accuse);
                // A function that ends the code, as one that stops the CPU, may need nothing of the kernel's state.
                if (!map_.has_code_after(decoded, section)) return false;
                interpreter_.call_outside(state, !is_indirect_thunk(map_.name_at(decoded.target)), accuse);
                return map_.call_returns(decoded, section);
            case Flow::indirect_call:
                check_call_push(state, accuse);
                interpreter_.call_outside(state, false, accuse);
                return map_.call_returns(decoded, section);
            case Flow::leave:
                leave(std::move(state), decoded, accuse);
                return false;
            case Flow::indirect_jump:
            case Flow::stop:
                return false;
        }
        return false;
    }

    Accuse accuse_at(std::uint64_t address, EntryState& state) {
        return [this, address, &state](Rule rule, const std::string& what) {
            add(rule, address, what);
            forget_reported(state, rule);
        };
    }

    /// Checks the push of a call that is not followed, and that has returned when the path goes on.
    void check_call_push(EntryState& state, const Accuse& accuse) const {
        interpreter_.push(state, {}, accuse);
        (void)interpreter_.pop(state);
    }

    /// Forgets what is wrong, so that it is reported where it first matters, and not at each later place.
    static void forget_reported(EntryState& state, Rule rule) {
        switch (rule) {
            case Rule::user_gs_access:
            case Rule::user_gs_call:
            case Rule::wrong_gs_return:
                state.gs = Owner::unknown;
                return;
            case Rule::user_segment_access:
            case Rule::user_segment_call:
                state.segments.fill(Owner::unknown);
                return;
            case Rule::user_cr3_access:
            case Rule::user_cr3_call:
            case Rule::wrong_cr3_return:
                state.cr3 = Owner::unknown;
                return;
            case Rule::interrupted_df:
                state.direction = FlagState::unknown;
                return;
            case Rule::interrupted_ac:
                state.alignment = FlagState::unknown;
                return;
            case Rule::user_stack_push:
                state.registers[rsp_number].base = state.ip;
                return;
            default:
                return;
        }
    }

    void go(EntryState state, std::uint64_t target, std::uint64_t branch) {
        state.ip = target;
        enqueue(std::move(state), branch);
    }

    /// True if the address of code that is followed is on top of the stack.
    [[nodiscard]] bool has_return_address(EntryState state) const {
        const auto top = interpreter_.pop(state);
        return top.is(Value::Kind::constant) && is_followed(static_cast<std::uint64_t>(top.number));
    }

    void jump(EntryState& state, const Decoded& decoded, const Accuse& accuse) {
        const auto name = map_.name_at(decoded.target);
        if (is_followed(decoded.target)) {
            go(std::move(state), decoded.target, decoded.address);
        } else if (is_return_thunk(name)) {
            return_to_caller(std::move(state), decoded.address);
        } else if (!name.empty() && has_return_address(state) && map_.is_checked(decoded.target) &&
                   map_.function_returns(decoded.target)) {
            // The jump is the tail call of a function. One without a name may be a part of this one, and one that stops
            // the CPU may need nothing of the kernel's state.
            interpreter_.call_outside(state, !is_indirect_thunk(name), accuse);
            return_to_caller(std::move(state), decoded.address);
        }
        // Nothing is known about other code: it may be a function, or more of the entry.
    }

    void return_to_caller(EntryState state, std::uint64_t address) {
        const auto target = interpreter_.pop(state);
        return_to(target, std::move(state), address);
    }

    void return_to(const Value& target, EntryState state, std::uint64_t address) {
        if (target.is(Value::Kind::constant)) go(std::move(state), static_cast<std::uint64_t>(target.number), address);
    }

    void leave(EntryState state, const Decoded& decoded, const Accuse& accuse) {
        if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_RET) {
            const auto target = interpreter_.pop(state);
            const bool is_far = decoded.instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
            const auto& argument = decoded.instruction.raw.imm[0];  // bytes that the return also removes
            interpreter_.drop(state, (is_far ? map_.file().bits / 8 : 0) +
                                         (argument.size != 0 ? static_cast<std::int64_t>(argument.value.u) : 0));
            return_to(target, std::move(state), decoded.address);
        } else {
            interpreter_.return_from_entry(state, decoded, accuse);
        }
    }

    /// Follows both arms of a branch, or the one that the comparison decides for.
    void branch(const EntryState& state, const Decoded& decoded) {
        const auto& comparison = state.comparison;
        const auto condition = condition_of(decoded.instruction.mnemonic);
        check_register(comparison, decoded.address);
        const auto known = known_outcome(comparison, condition);
        const bool decides_gs = swaps_gs_soon(decoded.target) || swaps_gs_soon(decoded.next());
        for (const bool taken : {false, true}) {
            if (known == (taken ? Outcome::not_taken : Outcome::taken)) continue;
            auto arm = state;
            if (decides_gs) arm.has_conditional_gs = true;
            refine(arm, condition, taken);
            if (taken) {
                jump(arm, decoded, accuse_at(decoded.address, arm));
            } else {
                go(std::move(arm), decoded.next(), decoded.address);
            }
        }
    }

    /// Notes what one arm of a branch tells about the state.
    void refine(EntryState& state, const Condition& condition, bool taken) const {
        const bool is_of_zero = condition.of == Condition::Of::zero;
        const bool is_zero = is_of_zero && condition.when == taken;
        const auto comparison = state.comparison;
        if (is_of_zero) state.comparison.zero = is_zero;
        if (comparison.tested_selector && is_of_zero) {
            const auto& [base, offset] = *comparison.tested_selector;
            const auto owner = is_zero ? Owner::kernel : Owner::user;
            state.store(base, offset, owned(Value::Kind::selector, owner));
            const auto above = state.load(base, offset + ss_after_cs);
            const bool may_be_ss = above.is(Value::Kind::unknown) || above.is(Value::Kind::stack_segment);
            if (map_.file().bits == 64 && may_be_ss)
                state.store(base, offset + ss_after_cs, owned(Value::Kind::stack_segment, owner));
        }
        // RSP tells such code what the CPU has pushed, so the frame may be another one.
        if (comparison.is_of_rsp) state.forget_entry();
        // Code that looks for a certain interrupted RIP knows more about the interrupted state than the entry does.
        if (comparison.is_of_rip && (is_zero || !is_of_zero)) state.forget_entry();
        if (comparison.interrupted != 0) state.registers[comparison.interrupted - 1U] = {};
    }

    /// Only values that functions preserve can be mistaken for what the entry itself noted there.
    void check_register(const Comparison& comparison, std::uint64_t address) {
        if (comparison.interrupted == 0 || registers_are_arguments_) return;
        constexpr const char* names[16] = {nullptr, nullptr, nullptr, "RBX",   nullptr, "RBP", nullptr, nullptr,
                                           nullptr, nullptr, nullptr, nullptr, "R12",   "R13", "R14",   "R15"};
        constexpr const char* names32[16] = {nullptr, nullptr, nullptr, "EBX", nullptr, "EBP", "ESI", "EDI"};
        const auto* const name = (map_.file().bits == 64 ? names : names32)[comparison.interrupted - 1U];
        if (name != nullptr)
            add(Rule::interrupted_register, address,
                fmt::format("decides by {}, which still has the interrupted code's value", name));
    }

    /// True if SWAPGS is one of the first instructions at `address`.
    [[nodiscard]] bool swaps_gs_soon(std::uint64_t address) const {
        const auto i = map_.section_of(address);
        if (i == map_.sections().size()) return false;
        const auto& section = map_.sections()[i];
        constexpr int soon = 4;
        for (int count = 0; count < soon && section.contains(address); ++count) {
            const auto decoded = decoder_.decode(section.bytes.subspan(address - section.address), address);
            if (!decoded || decoded->flow != Flow::next) return false;
            if (decoded->instruction.mnemonic == ZYDIS_MNEMONIC_SWAPGS) return true;
            address = decoded->next();
        }
        return false;
    }

    void add(Rule rule, std::uint64_t address, const std::string& what) {
        if (!found_.insert({rule, address}).second) return;
        consequences_.push_back({rule, address, step_});
        result_.findings.push_back(
            {rule, address, fmt::format("{} ({})", what, context_->description), path_to(steps_, step_, address)});
    }

    /// Code that never changes the GS base has none of its own, and the same is true of segments. Code that never
    /// writes CR3 has no page tables of the user, and code without CLAC runs without SMAP.
    void drop_rules_that_do_not_apply() {
        const auto& facts = interpreter_.facts();
        const auto applies = [&](Rule rule) {
            if (rule == Rule::user_gs_call) return facts.changes_gs;
            if (rule == Rule::user_segment_access || rule == Rule::user_segment_call) return facts.loads_segments;
            if (rule == Rule::user_cr3_access || rule == Rule::user_cr3_call || rule == Rule::wrong_cr3_return)
                return facts.switches_cr3;
            return rule != Rule::interrupted_ac || facts.changes_ac;
        };
        std::erase_if(result_.findings, [&](const Finding& finding) { return !applies(finding.rule); });
    }

    const CodeMap& map_;
    Decoder decoder_;
    Interpreter interpreter_;
    const EntryContext* context_ = nullptr;
    bool registers_are_arguments_ = false;
    std::vector<Step> steps_;
    std::deque<std::pair<EntryState, std::int32_t>> waiting_;
    std::unordered_set<EntryState, HashOfState> seen_;
    std::int32_t step_ = -1;
    std::unordered_set<std::uint64_t> targets_;  ///< of branches that paths have taken
    Joins joins_;
    std::vector<Consequence> consequences_;
    std::vector<bool> followed_;  ///< by the index of the section
    std::set<std::pair<Rule, std::uint64_t>> found_;
    EntryFindings result_;
};

}  // namespace

EntryFindings explore_entries(const CodeMap& map, const std::vector<EntryPoint>& entries, const Policy& policy) {
    return EntryExplorer(map, policy).explore(entries);
}

}  // namespace gatecrash::check
