#include "check/alternatives.hpp"

#include "check/decoder.hpp"

namespace gatecrash::check {
namespace {

using kernel::number_at;

/// One layout of struct alt_instr: its size, and where the length of the replacement stands.
struct Layout {
    std::size_t size, length;
};
/// Before 5.19 with padlen, before 6.3 with a feature of 16 bits, and since then with 32 bits.
constexpr Layout layouts[] = {{12, 11}, {13, 11}, {14, 13}};

struct Site {
    std::uint64_t address, replacement;
    std::size_t length;  ///< of the replacement
};

Site site_at(const Range& table, const Layout& layout, std::size_t at) {
    const auto distance = [&](std::size_t offset) {
        return static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(table.bytes, at + offset)});
    };
    return {table.address + at + distance(0), table.address + at + 4 + distance(4),
            std::to_integer<std::size_t>(table.bytes[at + layout.length])};
}

/// True if all entries of the table name code of the file.
bool fits(const CodeFile& file, const Range& table, const Layout& layout) {
    constexpr std::size_t enough = 64;
    if (table.bytes.size() % layout.size != 0) return false;
    for (std::size_t i = 0; i < std::min(table.bytes.size() / layout.size, enough); ++i) {
        const auto site = site_at(table, layout, i * layout.size);
        if (file.at(site.address, 1).empty()) return false;
        if (site.length != 0 && file.at(site.replacement, site.length).size() < site.length) return false;
    }
    return true;
}

void add(Alternatives& alternatives, const CodeFile& file, const Decoder& decoder, const Site& site) {
    auto code = file.at(site.replacement, site.length);
    while (!code.empty()) {
        const auto decoded = decoder.decode(code, site.replacement);
        if (!decoded) return;
        const auto mnemonic = decoded->instruction.mnemonic;
        auto& alternative = alternatives[site.address];
        if (mnemonic == ZYDIS_MNEMONIC_LFENCE) alternative.has_lfence = true;
        if (mnemonic == ZYDIS_MNEMONIC_VERW) alternative.has_verw = true;
        if (mnemonic == ZYDIS_MNEMONIC_CLAC) alternative.has_clac = true;
        code = code.subspan(decoded->instruction.length);
    }
}

}  // namespace

Alternatives read_alternatives(const CodeFile& file) {
    Alternatives alternatives;
    const Decoder decoder(file.bits);
    for (const auto& table : file.find_ranges(".altinstructions")) {
        for (const auto& layout : layouts) {
            if (!fits(file, table, layout)) continue;
            for (std::size_t at = 0; at + layout.size <= table.bytes.size(); at += layout.size)
                add(alternatives, file, decoder, site_at(table, layout, at));
            break;
        }
    }
    return alternatives;
}

}  // namespace gatecrash::check
