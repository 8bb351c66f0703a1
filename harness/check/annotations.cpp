#include "check/annotations.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>

namespace gatecrash::check {
namespace {

using kernel::number_at;

/// An entry of a table in which addresses are distances from where they stand.
struct TableEntry {
    std::uint64_t place;
    std::span<const std::byte> bytes;
    std::uint64_t mask;  ///< of addresses

    /// Returns the address that stands at `offset`.
    [[nodiscard]] std::uint64_t address_at(std::size_t offset) const {
        const auto distance = static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(bytes, offset)});
        return (place + offset + distance) & mask;
    }
};

/// Calls visit(entry) for each entry of a table, which has `size` bytes.
template <typename Visit>
void visit_table(const CodeFile& file, std::string_view name, std::size_t size, Visit visit) {
    const std::uint64_t mask = file.bits == 64 ? ~std::uint64_t{0} : 0xffffffff;
    for (const auto& range : file.find_ranges(name)) {
        for (std::size_t at = 0; at + size <= range.bytes.size(); at += size)
            visit(TableEntry{range.address + at, range.bytes.subspan(at, size), mask});
    }
}

/// Returns the addresses of the symbols whose names only one symbol has.
std::unordered_map<std::string_view, std::uint64_t> unique_symbols(const CodeFile& file) {
    std::unordered_map<std::string_view, std::uint64_t> found;
    std::unordered_map<std::string_view, unsigned> count;
    for (const auto& symbol : file.symbols) {
        found[symbol.name] = symbol.address;
        ++count[symbol.name];
    }
    std::erase_if(found, [&](const auto& each) { return count[each.first] > 1; });
    return found;
}

/// Finds out where a linker has put the sections of an object. It moves a section as a whole.
class Placement {
  public:
    Placement(const CodeFile& object, const CodeFile& linked) : object_(object), linked_(unique_symbols(linked)) {
        for (const auto& [name, address] : unique_symbols(object)) by_range_[object.range_of(address)][address] = name;
    }

    /// Returns what must be added to an address of that section. Empty if `linked` has no symbol of it.
    std::optional<std::uint64_t> distance_of(const Range& section) {
        const auto [known, is_new] = distances_.try_emplace(&section);
        if (is_new) known->second = find_distance(section);
        return known->second;
    }

  private:
    [[nodiscard]] std::optional<std::uint64_t> find_distance(const Range& section) const {
        std::optional<std::uint64_t> distance;
        const auto symbols = by_range_.find(&section);
        if (symbols == by_range_.end()) return distance;
        for (const auto& [address, name] : symbols->second) {
            const auto found = linked_.find(name);
            if (found == linked_.end()) continue;
            if (distance && *distance != found->second - address) {
                throw kernel::ImageError(
                    fmt::format("it is not of the same build: {} is at another place of {}", name, section.name));
            }
            distance = found->second - address;
        }
        return distance;
    }

    const CodeFile& object_;
    std::unordered_map<std::string_view, std::uint64_t> linked_;
    std::unordered_map<const Range*, std::map<std::uint64_t, std::string_view>> by_range_;
    std::unordered_map<const Range*, std::optional<std::uint64_t>> distances_;
};

}  // namespace

Annotations read_annotations(const CodeFile& object, const CodeFile& linked) {
    const auto notes = read_annotations(object);
    if (object.is_linked || notes.changes.empty()) {
        throw kernel::ImageError(
            "it has no annotations. Name the vmlinux.o of a kernel that was built with CONFIG_DEBUG_ENTRY=y");
    }
    Placement placement(object, linked);
    Annotations annotations;
    for (const auto& [address, change] : notes.changes) {
        const auto* const section = object.range_of(address);
        const auto distance = section == nullptr ? std::nullopt : placement.distance_of(*section);
        if (distance) {
            annotations.changes[address + *distance] = change;
        } else if (section != nullptr && !linked.find_ranges(section->name).empty()) {
            throw kernel::ImageError(
                fmt::format("it is not of the same build: no symbol of its {} is in the other file", section->name));
        }
    }
    return annotations;
}

Annotations read_annotations(const CodeFile& file) {
    Annotations annotations;
    auto& changes = annotations.changes;
    visit_table(file, ".discard.instr_begin", 4, [&](const auto& entry) { ++changes[entry.address_at(0)].begins; });
    visit_table(file, ".discard.instr_end", 4, [&](const auto& entry) { ++changes[entry.address_at(0)].ends; });
    // Linux, include/linux/objtool_types.h: ANNOTYPE_INSTR_BEGIN, ANNOTYPE_INSTR_END.
    constexpr std::uint32_t begins = 3, ends = 4;
    visit_table(file, ".discard.annotate_insn", 8, [&](const auto& entry) {
        const auto type = number_at<std::uint32_t>(entry.bytes, 4);
        if (type == begins) ++changes[entry.address_at(0)].begins;
        if (type == ends) ++changes[entry.address_at(0)].ends;
    });
    annotations.are_lost = file.is_linked && changes.empty() && file.find("linux_banner").has_value();
    return annotations;
}

std::unordered_map<std::uint64_t, PatchedSite> read_patched_sites(const CodeFile& file) {
    std::unordered_map<std::uint64_t, PatchedSite> sites;
    // Linux, include/linux/jump_label.h: distances to the code and to its target, and a key as long as a pointer.
    // include/linux/static_call_types.h: distances to the code and to the key.
    const std::size_t jump_entry = file.bits == 64 ? 16 : 12;
    visit_table(file, "__jump_table", jump_entry, [&](const auto& entry) {
        sites.emplace(entry.address_at(0), PatchedSite{"a static branch (__jump_table)", entry.address_at(4)});
    });
    visit_table(file, ".static_call_sites", 8, [&](const auto& entry) {
        sites.emplace(entry.address_at(0), PatchedSite{"a static call (.static_call_sites)", {}});
    });
    const std::size_t word = file.bits / 8;
    for (const auto& range : file.find_ranges("__mcount_loc")) {
        for (std::size_t at = 0; at + word <= range.bytes.size(); at += word) {
            const auto site = word == 8 ? number_at<std::uint64_t>(range.bytes, at)
                                        : std::uint64_t{number_at<std::uint32_t>(range.bytes, at)};
            sites.emplace(site, PatchedSite{"a call of the function tracer (__mcount_loc)", {}});
        }
    }
    return sites;
}

}  // namespace gatecrash::check
