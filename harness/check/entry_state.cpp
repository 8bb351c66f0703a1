#include "check/entry_state.hpp"

#include <algorithm>
#include <functional>

namespace gatecrash::check {
namespace {

using Place = std::pair<std::uint64_t, std::int64_t>;

Place place_of(const Slot& slot) { return {slot.base, slot.offset}; }

void mix(std::size_t& hash, std::uint64_t number) {
    hash ^= std::hash<std::uint64_t>{}(number) + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
}
void mix(std::size_t& hash, const Value& value) {
    mix(hash, static_cast<std::uint64_t>(value.kind) << 8 | static_cast<std::uint64_t>(value.owner));
    mix(hash, value.base);
    mix(hash, static_cast<std::uint64_t>(value.number));
}
std::uint64_t code_of(const std::optional<bool>& known) { return known ? 1U + (*known ? 1U : 0U) : 0U; }

/// Returns what all entries of CPL 3, or of CPL 0, have in common. The GS base of 32-bit code comes from the segment.
EntryState state_at(const EntryPoint& entry, unsigned bits, Owner interrupted) {
    EntryState state;
    state.ip = entry.address;
    if (bits == 64) {
        state.gs = state.interrupted_gs = interrupted;
    } else {
        state.segments.fill(interrupted);
    }
    state.cr3 = state.interrupted_cr3 = interrupted;
    state.direction = state.alignment = FlagState::interrupted;
    state.registers.fill({Value::Kind::interrupted, Owner::unknown, 0, -1});
    return state;
}

/// Lets RSP be at the frame that an interrupt or exception pushes (SDM volume 3, figures 6-4 and 6-9). A 32-bit CPU
/// pushes SS only if it comes from CPL 3.
void push_frame(EntryState& state, unsigned bits, bool has_code, Owner interrupted) {
    const std::int64_t word = bits / 8, rip = has_code ? word : 0;
    state.registers[rsp_number] = stack_address(entry_stack, 0);
    state.store(entry_stack, rip, {Value::Kind::rip, Owner::unknown, 0, 0});
    state.store(entry_stack, rip + word, {Value::Kind::selector, interrupted, entry_stack, 0});
    if (bits == 32) {
        state.store(entry_stack, rip + 2 * word, owned(Value::Kind::flags, interrupted));
    } else {
        state.store(entry_stack, rip + 4 * word, owned(Value::Kind::stack_segment, interrupted));
    }
}

/// `base` is whose the GS base is, or in 32-bit code the segments.
EntryContext gate(const EntryPoint& entry, unsigned bits, Owner interrupted, Owner base, Owner cr3,
                  std::string description) {
    const bool has_code = entry.kind == EntryKind::idt_code || entry.kind == EntryKind::ist_code;
    auto state = state_at(entry, bits, base);
    state.cr3 = state.interrupted_cr3 = cr3;
    push_frame(state, bits, has_code, interrupted);
    return {std::move(state), std::move(description), interrupted == Owner::user};
}

}  // namespace

Value EntryState::load(std::uint64_t base, std::int64_t offset) const {
    const auto found = std::ranges::lower_bound(slots, Place{base, offset}, {}, place_of);
    return found != slots.end() && place_of(*found) == Place{base, offset} ? found->value : Value{};
}

void EntryState::store(std::uint64_t base, std::int64_t offset, const Value& value) {
    const auto found = std::ranges::lower_bound(slots, Place{base, offset}, {}, place_of);
    const bool is_there = found != slots.end() && place_of(*found) == Place{base, offset};
    if (value.is(Value::Kind::unknown)) {
        if (is_there) slots.erase(found);
    } else if (is_there) {
        found->value = value;
    } else {
        slots.insert(found, {base, offset, value});
    }
}

void EntryState::drop_below(std::uint64_t base, std::int64_t offset) {
    std::erase_if(slots, [&](const Slot& slot) { return slot.base == base && slot.offset < offset; });
}

void EntryState::forget_for_call(unsigned bits) {
    // System V ABI: a function keeps RBX, RSP, RBP and R12 to R15, and returns with DF clear. In 32-bit code, it keeps
    // EBX, ESP, EBP, ESI and EDI.
    for (const std::size_t number : {0U, 1U, 2U, 6U, 7U, 8U, 9U, 10U, 11U}) {
        const bool is_kept = bits == 32 && (number == 6 || number == 7);
        if (!is_kept) registers[number] = {};
    }
    std::erase_if(slots, [](const Slot& slot) {
        using Kind = Value::Kind;
        return !slot.value.is(Kind::selector) && !slot.value.is(Kind::stack_segment) && !slot.value.is(Kind::flags) &&
               !slot.value.is(Kind::segment) && !slot.value.is(Kind::constant);
    });
    interrupts = FlagState::unknown;
    direction = FlagState::clear;
    comparison = {};
    has_verw = has_ibpb = has_spec_ctrl = false;
}

void EntryState::forget_entry() {
    gs = cr3 = interrupted_gs = interrupted_cr3 = Owner::unknown;
    segments.fill(Owner::unknown);
    direction = alignment = FlagState::unknown;
    if (comparison.is_of_rsp) slots.clear();
}

std::size_t EntryState::hash() const {
    std::size_t hash = 0;
    mix(hash, ip);
    std::uint64_t small = 0;
    for (const auto part :
         {static_cast<unsigned>(gs), static_cast<unsigned>(cr3), static_cast<unsigned>(interrupted_gs),
          static_cast<unsigned>(interrupted_cr3), static_cast<unsigned>(interrupts), static_cast<unsigned>(direction),
          static_cast<unsigned>(alignment), has_verw ? 1U : 0U, has_conditional_gs ? 1U : 0U, has_ibpb ? 1U : 0U,
          has_spec_ctrl ? 1U : 0U}) {
        small = small * 4 + part;
    }
    for (const auto owner : segments) small = small * 4 + static_cast<unsigned>(owner);
    mix(hash, small);
    for (const auto& value : registers) mix(hash, value);
    for (const auto& slot : slots) {
        mix(hash, slot.base);
        mix(hash, static_cast<std::uint64_t>(slot.offset));
        mix(hash, slot.value);
    }
    mix(hash, code_of(comparison.zero) | code_of(comparison.sign) << 2 | code_of(comparison.carry) << 4 |
                  static_cast<std::uint64_t>(comparison.interrupted) << 8);
    return hash;
}

std::vector<EntryContext> contexts_of(const EntryPoint& entry, unsigned bits) {
    constexpr auto user = Owner::user, kernel = Owner::kernel;
    const bool is_64_bit = bits == 64;
    if (entry.kind == EntryKind::unknown) return {};
    if (entry.kind == EntryKind::syscall || entry.kind == EntryKind::sysenter) {
        auto state = state_at(entry, bits, user);
        // Registers are arguments. FMASK decides about the flags of SYSCALL, while SYSENTER keeps DF and AC.
        // IA32_SYSENTER_ESP decides about the stack.
        state.registers.fill({});
        if (entry.kind == EntryKind::syscall) state.direction = state.alignment = FlagState::unknown;
        state.registers[rsp_number] = stack_address(entry.kind == EntryKind::syscall ? users_stack : entry_stack, 0);
        return {{std::move(state), "from CPL 3", true}};
    }
    // A task gate leads there, so the CPU loads all registers from a TSS.
    if (!is_64_bit && entry.kind == EntryKind::ist_code) return {};
    std::vector<EntryContext> contexts{gate(entry, bits, user, user, user, "from CPL 3"),
                                       gate(entry, bits, kernel, kernel, kernel, "from CPL 0")};
    if (entry.kind != EntryKind::ist && entry.kind != EntryKind::ist_code && entry.kind != EntryKind::nmi)
        return contexts;
    // It may arrive at any instruction of other entry code.
    const std::string base = is_64_bit ? "GS base" : "segments";
    contexts.push_back(gate(entry, bits, kernel, user, kernel, "from CPL 0 with the user's " + base));
    contexts.push_back(gate(entry, bits, kernel, kernel, user, "from CPL 0 with the user's CR3"));
    contexts.push_back(gate(entry, bits, kernel, user, user, "from CPL 0 with the user's " + base + " and CR3"));
    return contexts;
}

}  // namespace gatecrash::check
