#include "sweep/equal_states.hpp"

#define XXH_INLINE_ALL
// Scalar code is faster here: an emulator calls a function for each vector instruction, and only a few words are hashed
// at a time.
#define XXH_VECTOR XXH_SCALAR
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;
using vm::Guest;
using vm::Snapshot;
using vm::Virtual;

Digest to_digest(XXH128_hash_t hash) { return {hash.low64, hash.high64}; }

void add(Digest& sum, const Digest& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) += more.at(i);
}

void subtract(Digest& sum, const Digest& less) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) -= less.at(i);
}

/// Returns the term of one word in the digest of a memory. Only words that differ from boot have a term.
Digest word_digest(std::uint64_t page, std::size_t offset, std::uint64_t value) {
    const std::array what{page * vm::page_size + offset, value};
    return to_digest(XXH3_128bits(what.data(), sizeof what));
}

std::uint64_t word_at(const std::byte* page, std::size_t offset) {
    std::uint64_t word;
    std::memcpy(&word, page + offset, sizeof word);
    return word;
}

/// Updates the digest `memory` for page `number`, whose content changes from `then` to `now`.
void replace_page(Digest& memory, std::uint64_t number, const std::byte* then, const std::byte* now,
                  const std::byte* at_boot) {
    for (std::size_t offset = 0; offset < vm::page_size; offset += sizeof(std::uint64_t)) {
        const auto before = word_at(then, offset), after = word_at(now, offset);
        if (before == after) continue;
        const auto boot = word_at(at_boot, offset);
        if (before != boot) subtract(memory, word_digest(number, offset, before));
        if (after != boot) add(memory, word_digest(number, offset, after));
    }
}

template <typename T>
std::optional<T> saved(const Guest& guest, const Snapshot& at, std::uint64_t address) {
    T value;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    if (!guest.memory().read_saved(at.pages, Virtual{address}, bytes)) return std::nullopt;
    return value;
}

std::optional<vm::Gate> gate_of(std::uint8_t vector, const Guest& guest, const Snapshot& at) {
    constexpr std::size_t size = vm::max_gate_size;
    const auto& idt = at.sregs.idt;
    if (size * vector + size - 1 > idt.limit) return std::nullopt;
    const auto bytes = saved<std::array<std::byte, size>>(guest, at, idt.base + size * vector);
    if (!bytes) return std::nullopt;
    const auto gate = vm::decode_gate(*bytes);
    return gate.delivers ? std::optional(gate) : std::nullopt;
}

/// True if a gate can lead to the code segment: 64-bit, present, not conforming, of privilege level 0 (SDM volume 3,
/// figure 5-2).
bool is_kernel_code(std::uint16_t selector, const Guest& guest, const Snapshot& at) {
    const auto& gdt = at.sregs.gdt;
    const std::uint64_t offset = selector & ~7U;
    if (offset == 0 || (selector & 4) != 0 || offset + 7 > gdt.limit) return false;
    const auto descriptor = saved<std::uint64_t>(guest, at, gdt.base + offset);
    constexpr std::uint64_t asked = 0x0060'fc00'0000'0000,
                            kernel_code = 0x0020'9800'0000'0000;  // D, L; P, DPL, S, type
    return descriptor && (*descriptor & asked) == kernel_code;
}

/// Returns RSP as it is before the CPU aligns it and pushes the frame.
std::optional<std::uint64_t> delivery_stack(const vm::Gate& gate, const Guest& guest, const Snapshot& at) {
    constexpr std::uint64_t rsp0 = 4, ist1 = 36;  // offsets in the TSS (SDM volume 3, figure 8-11)
    const auto& tr = at.sregs.tr;
    const bool from_user = (at.sregs.cs.selector & 3) == 3;
    if (gate.ist == 0 && !from_user) return at.regs.rsp;
    const auto offset = gate.ist == 0 ? rsp0 : ist1 + 8 * (gate.ist - 1);
    if (offset + 7 > tr.limit) return std::nullopt;
    return saved<std::uint64_t>(guest, at, tr.base + offset);
}

/// True if the CPU can write to `range` on the page tables that `at` uses.
bool is_writable(const AddressRange& range, const Guest& guest, const Snapshot& at) {
    const auto* segment = guest.image().segment_at(Virtual{range.first});
    if (segment == nullptr || !segment->is_writable_data() || !segment->contains(Virtual{range.last - 1})) return false;
    const vm::Physical root{at.sregs.cr3 & vm::cr3_address};
    return root == guest.memory().page_table_root() ||
           (root == guest.memory().user_page_table_root() && segment->entry_area);
}

}  // namespace

StateDigest digest_of(const vm::GuestMemory& memory, const Snapshot& state, const vm::PageSet& earlier,
                      const StateDigest& known) {
    // Hashing these structures as bytes is safe: padding in KVM's structures is always zero.
    const struct {
        kvm_regs regs;
        kvm_sregs sregs;
        kvm_vcpu_events events;
        kvm_debugregs debug_registers;
        vm::Msrs msrs;
        std::uint64_t latched_irq;
    } cpu{state.regs,   state.sregs,
          state.events, state.debug_registers,
          state.msrs,   state.latched_irq ? 0x100U | *state.latched_irq : 0U};
    StateDigest digest{to_digest(XXH3_128bits(&cpu, sizeof cpu)), known.memory};
    for (const auto& page : state.pages) {
        const auto* now = page.content->data();
        const auto* then = memory.saved_page(earlier, page.number);
        if (then != now) replace_page(digest.memory, page.number, then, now, memory.boot_page(page.number));
    }
    return digest;
}

AddressRange frame_pushed_by(Event event, const Guest& guest, const Snapshot& at) {
    const auto& events = at.events;
    const bool others_first = events.exception.injected != 0 || events.exception.pending != 0 ||
                              events.interrupt.injected != 0 || events.interrupt.shadow != 0 ||
                              events.nmi.injected != 0 || events.nmi.pending != 0 || at.latched_irq;
    if (others_first || event.is_trap() || vm::arms_watchpoint(event) || !vm::can_deliver(at.regs, events, event))
        return {};
    // With shadow stacks, a busy token or an absent shadow stack makes the delivery fault, and then it pushes no frame.
    if ((at.sregs.cr4 & vm::cr4_cet) != 0) return {};
    // In legacy mode a CPU may leave half of a selector's word unwritten. That half is not overwritten, so it counts.
    if (!guest.image().is_64_bit()) return {};
    const auto gate = gate_of(event.vector, guest, at);
    if (!gate || !is_kernel_code(gate->selector, guest, at)) return {};
    const auto stack = delivery_stack(*gate, guest, at);
    if (!stack) return {};
    const auto end = *stack & ~std::uint64_t{15};
    const std::uint64_t words = vm::pushes_error_code(event) ? 6 : 5;
    const AddressRange range{end - words * 8, end};
    const bool in_one_page = range.first / vm::page_size == (range.last - 1) / vm::page_size;
    return in_one_page && is_writable(range, guest, at) ? range : AddressRange{};
}

Digest EqualStarts::digest_of(const Start& start) const {
    // The log check needs to know, for each vector, how often it landed, and where the log was at its last delivery.
    // The check of the debug registers needs to know the watched address.
    std::map<std::uint8_t, std::pair<std::uint64_t, std::uint64_t>> landed;
    std::uint64_t watched = 0;
    for (const auto& [event, log_head] : *start.landed) {
        if (vm::arms_watchpoint(event)) {
            watched = *event.address;
            continue;
        }
        auto& [count, last] = landed[event.vector];
        ++count;
        last = std::max(last, log_head);
    }
    const auto frame = frame_pushed_by(start.event, guest_, *start.state);
    const auto memory = without(*start.digest, frame, *start.state);
    const auto& cpu = start.digest->cpu;
    std::vector<std::uint64_t> all{start.window,
                                   start.more,
                                   static_cast<std::uint64_t>(start.event.kind),
                                   start.event.vector,
                                   start.event.address.has_value() ? 1U : 0U,
                                   start.event.address.value_or(0),
                                   watched,
                                   frame.first,
                                   cpu[0],
                                   cpu[1],
                                   memory[0],
                                   memory[1]};
    for (const auto& [vector, what] : landed) all.insert(all.end(), {vector, what.first, what.second});
    return to_digest(XXH3_128bits(all.data(), all.size() * sizeof all.front()));
}

/// Returns the digest of the memory without the words of `frame`.
Digest EqualStarts::without(const StateDigest& digest, const AddressRange& frame, const Snapshot& state) const {
    auto memory = digest.memory;
    const auto at = frame == AddressRange{} ? std::nullopt : guest_.memory().translate(Virtual{frame.first});
    if (!at) return memory;
    const auto page = number(*at) / vm::page_size;  // the whole frame is in one page
    const auto* content = guest_.memory().saved_page(state.pages, page);
    const auto* boot = guest_.memory().boot_page(page);
    const auto first = number(*at) % vm::page_size;
    for (auto offset = first; offset < first + (frame.last - frame.first); offset += sizeof(std::uint64_t)) {
        const auto word = word_at(content, offset);
        if (word != word_at(boot, offset)) subtract(memory, word_digest(page, offset, word));
    }
    return memory;
}

}  // namespace gatecrash::sweep
