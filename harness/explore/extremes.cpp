#include "gatecrash/explore/extremes.hpp"

#include <algorithm>
#include <cstring>

namespace gatecrash::explore {
namespace {

using machine::page_of, machine::Virtual;

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
    constexpr std::uint64_t block_size = 512, word_size = sizeof(std::uint64_t);
    auto lowest = stack.high - known;
    for (auto at = lowest; at > stack.low && lowest - at < block_size;) {
        // Down to where the page ends, or the stack.
        const auto from = std::max(stack.low, number(page_of(Virtual{at - 1})));
        const auto bytes = memory.view(Virtual{from}, at - from);
        if (bytes.empty()) break;
        for (; at > from && lowest - at < block_size; at -= word_size) {
            std::uint64_t word = 0;
            std::memcpy(&word, &bytes[at - word_size - from], word_size);
            if (word != 0) lowest = at - word_size;
        }
    }
    return stack.high - lowest;
}

}  // namespace

void Extremes::include(const Extremes& others) {
    include_all(stack_bytes, others.stack_bytes);
    include_all(bodies_at_once, others.bodies_at_once);
}

void StackMeter::look(machine::Machine& machine, Extremes& extremes) {
    const auto& stacks = machine.image().stacks;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        const auto used = used_bytes(machine.memory(), stacks[i], used_[i]);
        if (used <= used_[i]) continue;
        used_[i] = used;
        auto& most = extremes.stack_bytes[machine.image().stack_of(stacks[i].low)];
        most = std::max(most, used);
    }
}

}  // namespace gatecrash::explore
