#include "vm/code_recorder.hpp"

#include <algorithm>
#include <cstring>
#include <variant>

#include "vm/guest.hpp"
#include "vm/stepping/stop_bytes.hpp"

namespace gatecrash::vm {

CodeRecorder::CodeRecorder(Guest& guest) : guest_(guest) {
    const auto& image = guest.image();
    for (const auto& [begin, end] : image.protected_code.ranges) {
        const auto* const segment = image.segment_at(begin);
        if (segment == nullptr || !segment->executable || segment->writable || begin >= end ||
            !segment->contains(Virtual{number(end) - 1})) {
            continue;
        }
        const auto stops = stop_bytes_for(guest, *segment);
        const auto offset = number(begin) - number(segment->address);
        const auto size = number(end) - number(begin);
        parts_.push_back({begin,
                          {stops.begin() + static_cast<std::ptrdiff_t>(offset),
                           stops.begin() + static_cast<std::ptrdiff_t>(offset + size)},
                          std::vector<bool>(size)});
    }
}

CodeRecorder::Part* CodeRecorder::part_of(Virtual address) {
    const auto part = std::ranges::find_if(parts_, [&](const Part& each) { return each.contains(address); });
    return part == parts_.end() ? nullptr : &*part;
}

/// Returns the bytes of `part` as the guest has them.
std::vector<std::byte> CodeRecorder::visible(const Part& part) const {
    auto bytes = part.stops;
    const auto* const segment = guest_.image().segment_at(part.begin);
    const auto offset = number(part.begin) - number(segment->address);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (!hides_ || part.is_executed[i])
            bytes[i] = offset + i < segment->bytes.size() ? segment->bytes[offset + i] : std::byte{};
    }
    if (!hides_) return bytes;
    for (const auto exit : guest_.image().protected_code.exits) {
        if (!part.contains(exit)) continue;
        const auto at = part.offset_of(exit);
        for (auto i = at; i < std::min(at + length_at(exit), bytes.size()); ++i) bytes[i] = part.stops[i];
    }
    return bytes;
}

void CodeRecorder::hide() {
    if (hides_) return;
    hides_ = true;
    for (const auto& part : parts_) write(part.begin, visible(part));
}

void CodeRecorder::show() {
    if (!hides_) return;
    hides_ = false;
    for (const auto& part : parts_) write(part.begin, visible(part));
}

void CodeRecorder::hide_exits() {
    if (!hides_) return;
    for (const auto exit : guest_.image().protected_code.exits) {
        const auto* const part = part_of(exit);
        if (part == nullptr) continue;
        const auto at = part->offset_of(exit);
        write(exit, std::span(part->stops).subspan(at, std::min(length_at(exit), part->stops.size() - at)));
    }
}

std::vector<std::byte> CodeRecorder::text_of(const Segment& segment) const {
    auto bytes = segment.bytes;
    bytes.resize(segment.size);
    for (const auto& part : parts_) {
        if (!segment.contains(part.begin)) continue;
        const auto visible_part = visible(part);
        std::ranges::copy(visible_part,
                          bytes.begin() + static_cast<std::ptrdiff_t>(number(part.begin) - number(segment.address)));
    }
    return bytes;
}

CodeRecorder::Meeting CodeRecorder::meet(const kvm::Exit& exit) {
    is_at_exit_ = false;
    if (!hides_) return Meeting::nothing;
    auto regs = guest_.cpu().regs();
    if (std::holds_alternative<kvm::HltExit>(exit)) {
        --regs.rip;
    } else if (!std::holds_alternative<kvm::IoExit>(exit)) {
        return Meeting::nothing;
    }
    const Virtual address{regs.rip};
    if (!is_hidden(address)) return Meeting::nothing;
    if (std::holds_alternative<kvm::IoExit>(exit)) guest_.cpu().complete_exit();
    guest_.cpu().set_regs(regs);
    const bool can_continue = std::holds_alternative<kvm::HltExit>(exit) && is_exact();
    is_at_exit_ = guest_.image().protected_code.is_exit(address);
    if (!part_of(address)->is_executed[part_of(address)->offset_of(address)]) {
        met_new_ = true;
        execute(address, length_at(address));
    }
    if (is_at_exit_) hide_exits();
    return can_continue && !is_at_exit_ ? Meeting::passed : Meeting::stopped;
}

/// True if the bytes at `address` are stop bytes.
bool CodeRecorder::is_hidden(Virtual address) {
    const auto* const part = part_of(address);
    return part != nullptr &&
           (!part->is_executed[part->offset_of(address)] || guest_.image().protected_code.is_exit(address));
}

/// True if the stop byte that has just executed makes no difference to what follows. It must not have let in an event
/// that waits, nor met a trap or a breakpoint of the guest's.
bool CodeRecorder::is_exact() const {
    return !guest_.has_latched_irq() && !guest_.has_latched_nmi() && !guest_.abilities().uses_debug_registers &&
           (guest_.cpu().regs().rflags & (rflags_tf | rflags_rf)) == 0;
}

void CodeRecorder::before_step() {
    if (guest_.delivery_due()) return;
    auto address = guest_.rip();
    const auto* const part = part_of(address);
    if (part == nullptr) return;
    const bool is_exit = guest_.image().protected_code.is_exit(address);
    if (part->is_executed[part->offset_of(address)] && !is_exit) {
        // The instruction after one that opens a shadow executes in the same step.
        const auto instruction = guest_.next_instruction();
        if (!instruction || !opens_shadow(*instruction)) return;
        address = Virtual{number(address) + instruction->length};
        if (part_of(address) == nullptr || !is_hidden(address)) return;
    }
    const auto length = length_at(address);
    execute(address, length);
    const auto instruction = decode(guest_.text_at(address), address, code_size(guest_.cpu().sregs().cs));
    if (!instruction || !opens_shadow(*instruction)) return;
    const Virtual next{number(address) + length};
    if (part_of(next) != nullptr) execute(next, length_at(next));
}

/// Records an instruction, and shows it.
void CodeRecorder::execute(Virtual address, std::size_t length) {
    auto& part = *part_of(address);
    const auto at = part.offset_of(address);
    const auto size = std::min(length, part.stops.size() - at);
    if (!part.is_executed[at]) executed_.add(address, Virtual{number(address) + size});
    for (auto i = at; i < at + size; ++i) part.is_executed[i] = true;
    const auto text = guest_.text_at(address);
    if (hides_) write(address, std::span(text).first(size));
}

std::size_t CodeRecorder::length_at(Virtual address) const {
    const auto size = guest_.image().is_64_bit() ? CodeSize::bits64 : CodeSize::bits32;
    const auto instruction = decode(guest_.text_at(address), address, size);
    return instruction ? instruction->length : 1;
}

/// Writes only if something differs: after a write to code, an emulator translates the code again.
void CodeRecorder::write(Virtual address, std::span<const std::byte> bytes) {
    std::vector<std::byte> now(bytes.size());
    auto& memory = guest_.memory();
    if (memory.read(address, now) && std::ranges::equal(now, bytes)) return;
    if (!memory.write(address, bytes)) throw MachineFault("protected code is not mapped\n" + guest_.dump());
}

}  // namespace gatecrash::vm
