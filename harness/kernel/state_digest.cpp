#include "kernel/state_digest.hpp"

#define XXH_INLINE_ALL
// An emulator calls a function for each vector instruction.
#define XXH_VECTOR XXH_SCALAR
#include <xxhash.h>

namespace gatecrash::kernel {
namespace {

sweep::Digest to_digest(XXH128_hash_t hash) { return {hash.low64, hash.high64}; }

sweep::Digest digest_of_page(const vm::SavedPage& page) {
    return to_digest(XXH3_128bits_withSeed(page.content->data(), page.content->size(), page.number));
}

template <typename Value>
void append(std::vector<std::uint64_t>& numbers, const Value& value) {
    // Padding in KVM's structures is always zero.
    const auto digest = to_digest(XXH3_128bits(&value, sizeof value));
    numbers.insert(numbers.end(), digest.begin(), digest.end());
}

}  // namespace

sweep::Digest digest_of(const std::vector<std::uint64_t>& numbers) {
    return to_digest(XXH3_128bits(numbers.data(), numbers.size() * sizeof numbers.front()));
}

StateDigest digest_of(const KernelState& state, const KernelState* earlier, const StateDigest* known) {
    StateDigest digest;
    digest.pages.reserve(state.pages.size());
    std::size_t old = 0;
    for (const auto& page : state.pages) {
        while (earlier != nullptr && old < earlier->pages.size() && earlier->pages[old].number < page.number) ++old;
        const bool is_shared =
            earlier != nullptr && old < earlier->pages.size() && earlier->pages[old].content == page.content;
        digest.pages.push_back(is_shared ? known->pages[old] : digest_of_page(page));
    }
    std::vector<std::uint64_t> all;
    const auto& cpu = state.cpu;
    append(all, cpu.regs);
    append(all, cpu.sregs);
    append(all, cpu.events);
    append(all, cpu.debug_registers);
    append(all, cpu.msrs);
    // Only the 8259 of a guest that uses them differ between states of one sweep.
    append(all, interrupts_of(*state.devices, true));
    if (state.console) {
        const auto text = to_digest(XXH3_128bits(state.console->output.data(), state.console->output.size()));
        all.insert(all.end(), text.begin(), text.end());
        append(all, state.console->serial);
    }
    for (const auto& page : digest.pages) all.insert(all.end(), page.begin(), page.end());
    digest.whole = digest_of(all);
    return digest;
}

}  // namespace gatecrash::kernel
