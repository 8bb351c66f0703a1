#include "gatecrash/explore/extremes.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace gatecrash::explore {
namespace {

using machine::Virtual;

template <typename Key>
void include_all(std::map<Key, std::uint64_t>& most, const std::map<Key, std::uint64_t>& others) {
    for (const auto& [key, count] : others) {
        auto& known = most[key];
        known = std::max(known, count);
    }
}

/// Returns the bytes of `stack` in use, of which `known` are known to be. The search ends at the first block of zeros:
/// no frame of entry code or of a handler's body leaves that much unwritten.
std::uint64_t used_bytes(const machine::GuestMemory& memory, const abi::Stack& stack, std::uint64_t known) {
    std::array<std::uint64_t, 64> block{};
    auto lowest = stack.high - known;
    while (lowest > stack.low) {
        const auto words = std::min<std::uint64_t>(block.size(), (lowest - stack.low) / sizeof(std::uint64_t));
        const std::span part(block.data(), words);
        const auto from = lowest - part.size_bytes();
        if (words == 0 || !memory.read(Virtual{from}, std::as_writable_bytes(part))) break;
        const auto used = std::ranges::find_if(part, [](std::uint64_t word) { return word != 0; });
        if (used == part.end()) break;
        lowest = from + static_cast<std::uint64_t>(used - part.begin()) * sizeof(std::uint64_t);
    }
    return stack.high - lowest;
}

}  // namespace

void Extremes::include(const Extremes& others) {
    include_all(stack_bytes, others.stack_bytes);
    include_all(bodies_at_once, others.bodies_at_once);
}

void Extremes::include_stacks(machine::Machine& machine) {
    for (const auto& stack : machine.image().stacks) {
        const auto name = machine.image().stack_of(stack.low);
        const auto found = stack_bytes.find(name);
        const auto known = found == stack_bytes.end() ? 0 : found->second;
        const auto used = used_bytes(machine.memory(), stack, known);
        if (used > known) stack_bytes[name] = used;
    }
}

}  // namespace gatecrash::explore
