#include "check/code_map.hpp"

#include <cstring>

namespace gatecrash::check {

CodeMap::CodeMap(const CodeFile& file, const std::vector<Range>& sections) : file_(file), sections_(sections) {
    for (const auto& symbol : file.symbols) {
        if (symbol.is_function && is_checked(symbol.address)) functions_.insert(symbol.address);
    }
}

std::size_t CodeMap::section_of(std::uint64_t address) const {
    std::size_t i = 0;
    while (i < sections_.size() && !sections_[i].contains(address)) ++i;
    return i;
}

std::string_view CodeMap::name_at(std::uint64_t address) const {
    const auto* symbol = file_.symbol_at(address);
    return symbol == nullptr ? std::string_view{} : std::string_view(symbol->name);
}

bool CodeMap::call_returns(std::uint64_t next, const Range& section) const {
    if (!section.contains(next) || functions_.contains(next) || is_int3(next, section)) return false;
    constexpr std::uint8_t ud2[] = {0x0f, 0x0b};
    const auto code = section.bytes.subspan(next - section.address);
    return code.size() < sizeof ud2 || std::memcmp(code.data(), ud2, sizeof ud2) != 0;
}

bool CodeMap::is_fill(std::uint64_t address, const Range& section) const {
    auto end = address;
    while (section.contains(end) && is_int3(end, section)) ++end;
    return end - address > 1 && (!section.contains(end) || file_.symbol_at(end) != nullptr);
}

}  // namespace gatecrash::check
