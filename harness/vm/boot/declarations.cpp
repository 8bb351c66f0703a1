#include "vm/boot/declarations.hpp"

#include <algorithm>
#include <array>

namespace gatecrash::vm {

std::vector<Pair> pairs_at(const Image& image, const GuestMemory& memory, const std::string& symbol) {
    using Words = std::array<std::uint64_t, 2>;
    const auto table = image.symbols.find(symbol);
    std::vector<Pair> pairs;
    for (auto at = table ? number(*table) : 0; table; at += sizeof(Words)) {
        const auto words = memory.read<Words>(Virtual{at});
        if (!words || (*words)[1] == 0) break;
        pairs.emplace_back((*words)[0], (*words)[1]);
    }
    return pairs;
}

Declarations declarations_of(const Image& image, const GuestMemory& memory) {
    return {.exit_work = image.symbols.find("exit_work"),
            .interrupts_in_service = image.symbols.find("interrupts_in_service"),
            .ve_information = image.symbols.find("ve_information"),
            .breakpoints_refused = pairs_at(image, memory, "breakpoints_refused"),
            .watchpoints_refused = pairs_at(image, memory, "watchpoints_refused")};
}

bool is_in(const std::vector<Pair>& ranges, std::uint64_t address) {
    return std::ranges::any_of(ranges,
                               [&](const auto& range) { return address >= range.first && address < range.second; });
}

}  // namespace gatecrash::vm
