#include "kernel/code_identity.hpp"

#define XXH_INLINE_ALL
// state_digest.cpp, which can be in the same unit, defines it, too.
#define XXH_VECTOR XXH_SCALAR
#include <fmt/format.h>
#include <xxhash.h>

#include <vector>

namespace gatecrash::kernel {

std::string code_identity(std::string_view content, std::span<const vm::ProtectedCode::Range> ranges) {
    std::string all;
    for (const auto& [begin, end] : ranges) all += fmt::format("{:#x}-{:#x} ", number(begin), number(end));
    all += content;
    return fmt::format("{:016x}", XXH3_64bits(all.data(), all.size()));
}

std::string code_identity(KernelGuest& guest, const vm::SymbolTable& symbols) {
    std::vector<vm::ProtectedCode::Range> ranges;
    for (const auto* const section : {"noinstr", "entry"}) {
        const auto begin = symbols.find(fmt::format("__{}_text_start", section));
        const auto end = symbols.find(fmt::format("__{}_text_end", section));
        if (begin && end && *begin < *end) ranges.push_back({*begin, *end});
    }
    const auto banner = symbols.find(linux_banner);
    if (ranges.empty() || !banner) return {};
    std::string text;
    while (text.size() < longest_banner && text.find('\0') == std::string::npos) {
        const auto word = guest.word_at(vm::Virtual{number(*banner) + text.size()});
        if (!word) return {};
        text.append(reinterpret_cast<const char*>(&*word), sizeof *word);
    }
    return code_identity(text.substr(0, text.find('\0')), ranges);
}

}  // namespace gatecrash::kernel
