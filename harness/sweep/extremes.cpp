#include "sweep/extremes.hpp"

#include <algorithm>

#include "vm/page.hpp"

namespace gatecrash::sweep {
namespace {

using vm::page_of, vm::Virtual;

template <typename Key>
void include_all(std::map<Key, std::uint64_t>& most, const std::map<Key, std::uint64_t>& others) {
    for (const auto& [key, count] : others) {
        auto& known = most[key];
        known = std::max(known, count);
    }
}

/// Returns how many bytes of `stack` are in use, or `known` if that is more. Looks at each page of the rest that was
/// ever written, since the result for one run must not depend on earlier runs.
std::uint64_t used_bytes(vm::GuestMemory& memory, const abi::Stack& stack, std::uint64_t known) {
    const Virtual end{stack.high - known};
    for (auto from = memory.next_written(Virtual{stack.low}, end); from;) {
        const Virtual page_end{number(page_of(*from)) + vm::page_size};
        const auto bytes = memory.view(*from, number(std::min(end, page_end)) - number(*from));
        if (!vm::is_zero(bytes.data(), bytes.data() + bytes.size())) {
            const auto used = std::ranges::find_if(bytes, [](std::byte byte) { return byte != std::byte{}; });
            const auto lowest = number(*from) + static_cast<std::uint64_t>(used - bytes.begin());
            return stack.high - lowest / sizeof(std::uint64_t) * sizeof(std::uint64_t);
        }
        from = memory.next_written(page_end, end);
    }
    return known;
}

}  // namespace

void Extremes::include(const Extremes& others) {
    include_all(stack_bytes, others.stack_bytes);
    include_all(bodies_at_once, others.bodies_at_once);
}

void StackMeter::look(vm::Guest& guest, Extremes& extremes) {
    const auto& stacks = guest.image().stacks;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        const auto used = used_bytes(guest.memory(), stacks[i], used_[i]);
        if (used <= used_[i]) continue;
        used_[i] = used;
        auto& most = extremes.stack_bytes[guest.image().stack_of(stacks[i].low)];
        most = std::max(most, used);
    }
}

}  // namespace gatecrash::sweep
