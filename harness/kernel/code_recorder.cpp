#include "kernel/code_recorder.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "kernel/kernel_facts.hpp"
#include "vm/instruction.hpp"
#include "vm/page.hpp"

namespace gatecrash::kernel {
namespace {

/// The ports of the two 8259 and of the timer, which KVM emulates (i8259.c and i8254.c in arch/x86/kvm). The numbers of
/// its other ports do not fit into an OUT.
constexpr std::array ports_of_kvm{std::byte{0x20}, std::byte{0x21}, std::byte{0xa0}, std::byte{0xa1}, std::byte{0x40},
                                  std::byte{0x41}, std::byte{0x42}, std::byte{0x43}, std::byte{0x61}};

}  // namespace

CodeRecorder::CodeRecorder(MemoryStates& memory, const std::vector<Piece>& pieces) : memory_(memory) {
    for (const auto& [begin, at, code] : pieces) {
        if (parts_.empty() || parts_.back().range.end != begin) parts_.push_back({{begin, begin}, {}, {}, {}, {}});
        auto& part = parts_.back();
        part.pages.push_back(at);
        part.code.insert(part.code.end(), code.begin(), code.end());
        part.range.end = vm::Virtual{number(begin) + code.size()};
        part.is_executed.resize(part.code.size());
        part.is_shown.resize(part.code.size());
    }
}

void CodeRecorder::begin() {
    (void)show();
    executed_ = {};
    for (auto& part : parts_) {
        part.is_executed.assign(part.code.size(), false);
        part.is_shown.assign(part.code.size(), false);
        // Nobody knows which byte comes after the last one.
        part.is_shown.back() = true;
        for (std::size_t i = 0; i + 1 < part.code.size(); ++i) {
            if (std::ranges::find(ports_of_kvm, part.code[i + 1]) == ports_of_kvm.end()) continue;
            const auto instruction = instruction_at(part, i);
            part.is_shown[i] = instruction && instruction->length == 1;
        }
    }
    hide();
}

bool CodeRecorder::show() {
    if (hides_) change_hidden_code(Look::own);
    return std::exchange(hides_, false);
}

void CodeRecorder::hide() {
    if (!std::exchange(hides_, true)) change_hidden_code(Look::hidden);
}

void CodeRecorder::give_up() {
    (void)show();
    parts_.clear();
}

bool CodeRecorder::meet(vm::Virtual address, std::byte now) {
    const auto* const part = part_of(address);
    if (part == nullptr || !hides_ || now == part->code[part->offset_of(address)]) return false;
    // The host can have put back bytes from before the code was shown.
    if (part->is_executed[part->offset_of(address)]) change(*part, 0, part->code.size(), Look::own);
    execute(address);
    return true;
}

void CodeRecorder::execute(vm::Virtual address) {
    auto* const part = part_of(address);
    if (part == nullptr || part->is_executed[part->offset_of(address)]) return;
    const auto begin = part->offset_of(address);
    auto end = begin;
    for (bool goes_on = true; goes_on && end < part->code.size();) {
        const auto instruction = instruction_at(*part, end);
        const auto next = std::min<std::size_t>(end + (instruction ? instruction->length : 1), part->code.size());
        if (!part->is_executed[end]) executed_.add(part->address_of(end), part->address_of(next));
        for (auto i = end; i < next; ++i) part->is_executed[i] = part->is_shown[i] = true;
        goes_on = instruction && instruction->is_plain;
        end = next;
    }
    if (hides_) change(*part, begin, end, Look::own);
}

void CodeRecorder::show_own_code(vm::Virtual address, std::span<std::byte> bytes) const {
    for (const auto& part : parts_) {
        const auto first = std::max(part.range.begin, address);
        const auto last = std::min(number(part.range.end), number(address) + bytes.size());
        if (number(first) >= last) continue;
        const auto code = std::span(part.code).subspan(part.offset_of(first), last - number(first));
        std::ranges::copy(code, bytes.subspan(number(first) - number(address)).begin());
    }
}

bool CodeRecorder::has_changed_in(const vm::PageSet& pages) const {
    return std::ranges::any_of(parts_, [&](const Part& part) {
        return std::ranges::any_of(part.pages, [&](vm::Physical page) {
            return std::ranges::binary_search(pages, number(page) / vm::page_size, {}, &vm::SavedPage::number);
        });
    });
}

CodeRecorder::Part* CodeRecorder::part_of(vm::Virtual address) {
    const auto part = std::ranges::find_if(parts_, [&](const Part& each) { return each.range.contains(address); });
    return part == parts_.end() ? nullptr : &*part;
}

std::optional<vm::Instruction> CodeRecorder::instruction_at(const Part& part, std::size_t at) {
    return vm::decode(std::span(part.code).subspan(at), part.address_of(at), vm::CodeSize::bits64);
}

void CodeRecorder::change_hidden_code(Look to) {
    for (const auto& part : parts_) {
        for (std::size_t begin = 0, end = 0; begin < part.code.size(); begin = end + 1) {
            end = begin;
            while (end < part.code.size() && !part.is_shown[end]) ++end;
            change(part, begin, end, to);
        }
    }
}

/// Changes how bytes of the part look to the kernel. Leaves those alone that the kernel has written.
void CodeRecorder::change(const Part& part, std::size_t begin, std::size_t end, Look to) {
    static const std::vector<std::byte> outs(vm::page_size, out_of_stop.front());
    while (begin < end) {
        const auto where = part.address_of(begin);
        const auto size = std::min<std::size_t>(end - begin, vm::page_size - vm::offset_in_page(where));
        const auto page = number(where) / vm::page_size - number(part.range.begin) / vm::page_size;
        const vm::Physical at{number(part.pages.at(page)) / vm::page_size * vm::page_size + vm::offset_in_page(where)};
        const auto own = std::span(part.code).subspan(begin, size);
        const auto hidden = std::span(outs).first(size);
        to == Look::own ? memory_.replace(at, hidden, own) : memory_.replace(at, own, hidden);
        begin += size;
    }
}

}  // namespace gatecrash::kernel
