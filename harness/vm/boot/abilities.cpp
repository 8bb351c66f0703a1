#include "vm/boot/abilities.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace gatecrash::vm {
namespace {

/// True if `opcode` is anywhere in executable memory, at any alignment. Text is read-only, so a guest without the
/// opcode never executes it. With `reg`, a ModRM byte with that `reg` field must follow.
bool has_opcode(const Image& image, std::initializer_list<std::uint8_t> opcode, std::optional<unsigned> reg = {}) {
    const auto same = [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; };
    for (const auto& segment : image.segments) {
        if (!segment.executable) continue;
        const auto end = segment.bytes.end();
        for (auto at = segment.bytes.begin();; ++at) {
            at = std::search(at, end, opcode.begin(), opcode.end(), same);
            if (at == end) break;
            const auto modrm = at + static_cast<std::ptrdiff_t>(opcode.size());
            if (!reg || (modrm != end && (std::to_integer<unsigned>(*modrm) >> 3 & 7) == *reg)) return true;
        }
    }
    return false;
}

}  // namespace

Abilities abilities_of(const Image& image) {
    return {.uses_debug_registers = has_opcode(image, {0x0f, 0x21}) || has_opcode(image, {0x0f, 0x23}),
            .writes_dr7 = has_opcode(image, {0x0f, 0x23}, 7),
            .leaves_page_tables = has_opcode(image, {0x0f, 0x22}),
            .loads_cr4 = has_opcode(image, {0x0f, 0x22}, 4),
            .writes_msrs = has_opcode(image, {0x0f, 0x30}),
            .swaps_gs = has_opcode(image, {0x0f, 0x01, 0xf8}),
            .changes_task_register = !image.is_64_bit() || has_opcode(image, {0x0f, 0x00}, 3)};
}

}  // namespace gatecrash::vm
