#include "check/code_map.hpp"

#include <algorithm>
#include <cstring>

#include "check/branch_targets.hpp"

namespace gatecrash::check {

CodeMap::CodeMap(const CodeFile& file, const std::vector<Range>& sections)
    : file_(file), sections_(sections), checked_(sections.size()), decoder_(file.bits) {
    std::ranges::copy(file.find_ranges(".altinstr_aux"), std::back_inserter(sections_));
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

bool CodeMap::call_returns(const Decoded& call, const Range& section) const {
    return has_code_after(call, section) && (call.flow != Flow::call || function_returns(call.target));
}

bool CodeMap::has_code_after(const Decoded& call, const Range& section) const {
    const auto next = call.next();
    if (!section.contains(next) || functions_.contains(next) || is_int3(next, section)) return false;
    constexpr std::uint8_t ud2[] = {0x0f, 0x0b};
    const auto code = section.bytes.subspan(next - section.address);
    return code.size() < sizeof ud2 || std::memcmp(code.data(), ud2, sizeof ud2) != 0;
}

bool CodeMap::function_returns(std::uint64_t address) const {
    const auto* const symbol = file_.symbol_at(address);
    if (symbol == nullptr || !symbol->is_function) return true;
    const auto [known, is_new] =
        returns_.try_emplace(address, true);  // also the answer for a function that calls itself
    if (is_new) {
        const bool found = find_return(*symbol);
        returns_[address] = found;
        return found;
    }
    return known->second;
}

/// True if the code of a function has a return, or ends in a way that tells nothing.
bool CodeMap::find_return(const CodeSymbol& function) const {
    const auto* const range = file_.range_of(function.address);
    if (range == nullptr) return true;
    auto next = std::ranges::upper_bound(file_.symbols, function.address, {}, &CodeSymbol::address);
    while (next != file_.symbols.end() && !next->is_function) ++next;
    const auto end = next == file_.symbols.end() ? range->end() : std::min(range->end(), next->address);
    bool goes_on = true;  // from the last instruction to what follows the function
    for (auto address = function.address; address < end;) {
        const auto decoded = decoder_.decode(file_.at(address, end - address), address);
        if (!decoded || decoded->flow == Flow::leave || decoded->flow == Flow::indirect_jump) return true;
        const bool is_jump = decoded->flow == Flow::jump || decoded->flow == Flow::conditional_jump;
        const bool is_inside = decoded->target - function.address < end - function.address;
        if (is_jump && !is_inside && (is_return_thunk(name_at(decoded->target)) || function_returns(decoded->target)))
            return true;
        const bool is_padding =
            decoded->flow == Flow::breakpoint || decoded->instruction.mnemonic == ZYDIS_MNEMONIC_NOP;
        if (!is_padding) goes_on = decoded->flow == Flow::next || decoded->flow == Flow::conditional_jump;
        address = decoded->next();
    }
    return goes_on;
}

bool CodeMap::is_fill(std::uint64_t address, const Range& section) const {
    auto end = address;
    while (section.contains(end) && is_int3(end, section)) ++end;
    return end - address > 1 && (!section.contains(end) || file_.symbol_at(end) != nullptr);
}

}  // namespace gatecrash::check
