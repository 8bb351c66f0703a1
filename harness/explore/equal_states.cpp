#include "equal_states.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <type_traits>

#include "gatecrash/machine/stepper.hpp"

namespace gatecrash::explore {
namespace {

using machine::Event;
using machine::Machine;
using machine::Snapshot;
using machine::Virtual;

Digest to_digest(XXH128_hash_t hash) { return {hash.low64, hash.high64}; }

/// Adds up what has no padding, or padding that is always zero.
class Digester {
  public:
    Digester() { XXH3_128bits_reset(&state_); }

    Digester& add_bytes(std::span<const std::byte> bytes) {
        XXH3_128bits_update(&state_, bytes.data(), bytes.size());
        return *this;
    }
    template <typename T>
    requires std::is_trivially_copyable_v<T> Digester& add(const T& value) {
        return add_bytes(std::as_bytes(std::span(&value, 1)));
    }
    [[nodiscard]] Digest digest() const { return to_digest(XXH3_128bits_digest(&state_)); }

  private:
    XXH3_state_t state_;
};

template <typename T>
std::optional<T> saved(const Machine& machine, const Snapshot& at, std::uint64_t address) {
    const auto bytes = machine.memory().read_saved(at.pages, Virtual{address}, sizeof(T));
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::optional<machine::Gate> gate_of(std::uint8_t vector, const Machine& machine, const Snapshot& at) {
    constexpr std::size_t size = machine::max_gate_size;
    const auto& idt = at.sregs.idt;
    if (size * vector + size - 1 > idt.limit) return std::nullopt;
    const auto bytes = saved<std::array<std::byte, size>>(machine, at, idt.base + size * vector);
    if (!bytes) return std::nullopt;
    const auto gate = machine::decode_gate(*bytes);
    return gate.delivers ? std::optional(gate) : std::nullopt;
}

/// Whether a gate can lead to the code segment: 64-bit, present, not conforming, of privilege level 0 (figure 5-2).
bool is_kernel_code(std::uint16_t selector, const Machine& machine, const Snapshot& at) {
    const auto& gdt = at.sregs.gdt;
    const std::uint64_t offset = selector & ~7U;
    if (offset == 0 || (selector & 4) != 0 || offset + 7 > gdt.limit) return false;
    const auto descriptor = saved<std::uint64_t>(machine, at, gdt.base + offset);
    constexpr std::uint64_t asked = 0x0060'fc00'0000'0000,
                            kernel_code = 0x0020'9800'0000'0000;  // D, L; P, DPL, S, type
    return descriptor && (*descriptor & asked) == kernel_code;
}

/// RSP before the CPU aligns it and pushes.
std::optional<std::uint64_t> delivery_stack(const machine::Gate& gate, const Machine& machine, const Snapshot& at) {
    constexpr std::uint64_t rsp0 = 4, ist1 = 36;  // in the TSS (figure 8-11)
    const auto& tr = at.sregs.tr;
    const bool from_user = (at.sregs.cs.selector & 3) == 3;
    if (gate.ist == 0 && !from_user) return at.regs.rsp;
    const auto offset = gate.ist == 0 ? rsp0 : ist1 + 8 * (gate.ist - 1);
    if (offset + 7 > tr.limit) return std::nullopt;
    return saved<std::uint64_t>(machine, at, tr.base + offset);
}

/// Whether the CPU can write there on the page tables that `at` is on.
bool is_writable(const AddressRange& range, const Machine& machine, const Snapshot& at) {
    const auto* segment = machine.image().segment_at(Virtual{range.first});
    if (segment == nullptr || !segment->writable || !segment->contains(Virtual{range.last - 1})) return false;
    const machine::Physical root{at.sregs.cr3 & machine::cr3_address};
    return root == machine.memory().page_table_root() ||
           (root == machine.memory().user_page_table_root() && segment->entry_area);
}

}  // namespace

PageDigests digests_of(const machine::GuestMemory& memory, const machine::PageSet& pages,
                       const machine::PageSet& earlier, const PageDigests& known) {
    PageDigests digests;
    digests.reserve(pages.size());
    std::size_t k = 0;
    for (const auto& page : pages) {
        while (k < earlier.size() && earlier[k].number < page.number) ++k;
        if (k < earlier.size() && earlier[k].content == page.content) {
            digests.push_back(known[k]);
        } else if (memory.is_as_at_boot(page)) {
            digests.push_back({});
        } else {
            digests.push_back(to_digest(XXH3_128bits(page.content->data(), page.content->size())));
        }
    }
    return digests;
}

AddressRange frame_pushed_by(Event event, const Machine& machine, const Snapshot& at) {
    const auto& events = at.events;
    const bool others_first = events.exception.injected != 0 || events.exception.pending != 0 ||
                              events.interrupt.injected != 0 || events.interrupt.shadow != 0 ||
                              events.nmi.injected != 0 || events.nmi.pending != 0 || at.latched_irq;
    if (others_first || event.is_trap() || event.kind == Event::Kind::watch ||
        !machine::can_deliver(at.regs, events, event))
        return {};
    // In legacy mode a CPU may leave half of the word of a selector as it was: then that half counts.
    if (!machine.image().is_64_bit()) return {};
    const auto gate = gate_of(event.vector, machine, at);
    if (!gate || !is_kernel_code(gate->selector, machine, at)) return {};
    const auto stack = delivery_stack(*gate, machine, at);
    if (!stack) return {};
    const auto end = *stack & ~std::uint64_t{15};
    const std::uint64_t words = event.kind == Event::Kind::pf ? 6 : 5;
    const AddressRange range{end - words * 8, end};
    const bool in_one_page = range.first / machine::page_size == (range.last - 1) / machine::page_size;
    return in_one_page && is_writable(range, machine, at) ? range : AddressRange{};
}

Digest EqualStarts::digest_of(const Start& start) const {
    const auto& at = *start.state;
    Digester digester;
    digester.add(start.window).add(start.more);
    digester.add(start.event.kind).add(start.event.vector);
    digester.add(start.event.address.has_value()).add(start.event.address.value_or(0));
    digester.add(at.regs).add(at.sregs).add(at.events).add(at.debug_registers).add(at.msrs);
    digester.add(at.latched_irq.has_value()).add(at.latched_irq.value_or(0));
    // The log check asks of each vector how often it landed, and where the log was when it did last; the check of the
    // debug registers, what is watched.
    std::map<std::uint8_t, std::pair<std::uint64_t, std::uint64_t>> landed;
    std::uint64_t watched = 0;
    for (const auto& [event, log_head] : *start.landed) {
        if (event.kind == Event::Kind::watch) {
            watched = *event.address;
            continue;
        }
        auto& [count, last] = landed[event.vector];
        ++count;
        last = std::max(last, log_head);
    }
    for (const auto& [vector, what] : landed) digester.add(vector).add(what.first).add(what.second);
    digester.add(watched);

    const auto frame = frame_pushed_by(start.event, machine_, at);
    digester.add(frame.first);
    const auto frame_at = frame == AddressRange{} ? std::nullopt : machine_.memory().translate(Virtual{frame.first});
    const auto frame_page = frame_at ? std::optional(number(*frame_at) / machine::page_size) : std::nullopt;
    for (std::size_t i = 0; i < at.pages.size(); ++i) {
        const auto& digest = (*start.pages)[i];
        if (at.pages[i].number != frame_page && digest != Digest{}) digester.add(at.pages[i].number).add(digest);
    }
    if (frame_page) {
        const auto base = frame.first & ~std::uint64_t{machine::page_size - 1};
        auto page = machine_.memory().read_saved(at.pages, Virtual{base}, machine::page_size);
        std::fill_n(page.begin() + static_cast<std::ptrdiff_t>(frame.first - base), frame.last - frame.first,
                    std::byte{0});
        digester.add_bytes(page);
    }
    return digester.digest();
}

}  // namespace gatecrash::explore
