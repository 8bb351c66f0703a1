#include "check/annotations.hpp"

namespace gatecrash::check {
namespace {

using kernel::number_at;

/// Calls visit(address, entry) for each entry of a table. An entry of `size` bytes begins with the distance from itself
/// to the address that it is about.
template <typename Visit>
void visit_relative(const CodeFile& file, std::string_view name, std::size_t size, Visit visit) {
    const std::uint64_t mask = file.bits == 64 ? ~std::uint64_t{0} : 0xffffffff;
    for (const auto& range : file.find_ranges(name)) {
        for (std::size_t at = 0; at + size <= range.bytes.size(); at += size) {
            const auto distance = static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(range.bytes, at)});
            visit((range.address + at + distance) & mask, range.bytes.subspan(at, size));
        }
    }
}

}  // namespace

Annotations read_annotations(const CodeFile& file) {
    Annotations annotations;
    visit_relative(file, ".discard.instr_begin", 4, [&](std::uint64_t at, auto) { ++annotations.changes[at].begins; });
    visit_relative(file, ".discard.instr_end", 4, [&](std::uint64_t at, auto) { ++annotations.changes[at].ends; });
    // Linux, include/linux/objtool_types.h: ANNOTYPE_INSTR_BEGIN, ANNOTYPE_INSTR_END.
    constexpr std::uint32_t begins = 3, ends = 4;
    visit_relative(file, ".discard.annotate_insn", 8, [&](std::uint64_t at, std::span<const std::byte> entry) {
        const auto type = number_at<std::uint32_t>(entry, 4);
        if (type == begins) ++annotations.changes[at].begins;
        if (type == ends) ++annotations.changes[at].ends;
    });
    annotations.are_lost = file.is_linked && annotations.changes.empty() && file.find("linux_banner").has_value();
    return annotations;
}

std::unordered_map<std::uint64_t, std::string_view> read_patched_sites(const CodeFile& file) {
    std::unordered_map<std::uint64_t, std::string_view> sites;
    // Linux, include/linux/jump_label.h: distances to the code and to its target, and a key as long as a pointer.
    // include/linux/static_call_types.h: distances to the code and to the key.
    const std::size_t jump_entry = file.bits == 64 ? 16 : 12;
    visit_relative(file, "__jump_table", jump_entry,
                   [&](std::uint64_t at, auto) { sites.emplace(at, "a static branch (__jump_table)"); });
    visit_relative(file, ".static_call_sites", 8,
                   [&](std::uint64_t at, auto) { sites.emplace(at, "a static call (.static_call_sites)"); });
    const std::size_t word = file.bits / 8;
    for (const auto& range : file.find_ranges("__mcount_loc")) {
        for (std::size_t at = 0; at + word <= range.bytes.size(); at += word) {
            const auto site = word == 8 ? number_at<std::uint64_t>(range.bytes, at)
                                        : std::uint64_t{number_at<std::uint32_t>(range.bytes, at)};
            sites.emplace(site, "a call of the function tracer (__mcount_loc)");
        }
    }
    return sites;
}

}  // namespace gatecrash::check
