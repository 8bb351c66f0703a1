#include "vm/boot/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace gatecrash::vm {

SymbolTable::SymbolTable(std::vector<Symbol> symbols) : sorted_(sort(std::move(symbols))) {}

SymbolTable::Sorted SymbolTable::sort(std::vector<Symbol> symbols) {
    Sorted sorted{std::move(symbols), {}};
    std::ranges::stable_sort(sorted.by_address, {}, &Symbol::address);
    sorted.by_name.reserve(sorted.by_address.size());
    for (const auto& symbol : sorted.by_address) sorted.by_name[symbol.name].push_back(symbol.address);
    return sorted;
}

const SymbolTable::Sorted& SymbolTable::sorted() const {
    if (read_) {
        sorted_ = sort(read_());
        read_ = nullptr;
    }
    return sorted_;
}

std::optional<Virtual> SymbolTable::find(const std::string& name) const {
    const auto& by_name = sorted().by_name;
    const auto found = by_name.find(name);
    return found == by_name.end() ? std::nullopt : std::optional(found->second.front());
}

bool SymbolTable::has(const std::string& name, Virtual address) const {
    const auto& by_name = sorted().by_name;
    const auto found = by_name.find(name);
    return found != by_name.end() && std::ranges::find(found->second, address) != found->second.end();
}

std::string SymbolTable::name_of(Virtual address) const {
    const auto& by_address = sorted().by_address;
    auto after = std::upper_bound(by_address.begin(), by_address.end(), address,
                                  [](Virtual a, const Symbol& symbol) { return a < symbol.address; });
    if (after == by_address.begin()) return fmt::format("{:#x}", number(address));
    // If an address has several names, the first in the symbol table wins. So the answer does not depend on where the
    // search ended.
    const auto nearest = std::prev(after)->address;
    const auto symbol = std::ranges::lower_bound(by_address, nearest, {}, &Symbol::address);
    const auto offset = number(address) - number(nearest);
    return offset == 0 ? symbol->name : fmt::format("{}+{:#x}", symbol->name, offset);
}

std::vector<std::string> SymbolTable::names_at(Virtual address) const {
    const auto& by_address = sorted().by_address;
    std::vector<std::string> names;
    auto symbol = std::ranges::lower_bound(by_address, address, {}, &Symbol::address);
    for (; symbol != by_address.end() && symbol->address == address; ++symbol) {
        if (std::ranges::find(names, symbol->name) == names.end()) names.push_back(symbol->name);
    }
    return names;
}

bool ProtectedCode::contains(Virtual where) const {
    return std::ranges::any_of(ranges, [&](const Range& range) { return where >= range.begin && where < range.end; });
}

bool ProtectedCode::is_exit(Virtual where) const { return std::ranges::binary_search(exits, where); }

const Segment* Image::segment_at(Virtual address) const {
    const auto found = std::find_if(segments.begin(), segments.end(),
                                    [&](const Segment& segment) { return segment.contains(address); });
    return found == segments.end() ? nullptr : &*found;
}

std::string stack_of(std::span<const abi::Stack> stacks, std::uint64_t rsp) {
    for (const auto& stack : stacks) {
        if (rsp >= stack.low && rsp <= stack.high) {
            const std::string name(stack.name, std::find(stack.name, std::end(stack.name), '\0'));
            // The name ends up on a terminal, whatever the guest calls its stack.
            const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
            return printable && !name.empty() ? name : "?";
        }
    }
    return "?";
}

namespace {

constexpr std::uint64_t max_guest_memory = std::uint64_t{1} << 30;

void check_segment(const Image& image, const Segment& segment) {
    if (offset_in_page(segment.address) != 0 || offset_in_page(segment.physical) != 0) {
        throw ImageError(fmt::format("{}: the segment at {:#x} is not page-aligned: link with guest.lds", image.name,
                                     number(segment.address)));
    }
    const auto end = number(segment.physical) + segment.size;
    if (segment.size > max_guest_memory || end > max_guest_memory || end < number(segment.physical)) {
        throw ImageError(
            fmt::format("{}: the segment at {:#x} ends beyond 1 GiB of guest-physical memory ({:#x}): "
                        "link with guest.lds",
                        image.name, number(segment.address), end));
    }
    if (segment.bytes.size() > segment.size) {
        throw ImageError(fmt::format("{}: the segment at {:#x} is larger in the file than in memory", image.name,
                                     number(segment.address)));
    }
    const auto harness = number(image.harness_address());
    if (number(segment.address) > harness || segment.size > harness - number(segment.address)) {
        throw ImageError(
            fmt::format("{}: the segment at {:#x} reaches into the addresses from {:#x} on, which the harness uses: "
                        "link with guest.lds",
                        image.name, number(segment.address), harness));
    }
    const auto sign = static_cast<std::int64_t>(number(segment.address)) >> 47;
    if (image.is_64_bit() && sign != 0 && sign != -1) {
        throw ImageError(fmt::format("{}: the segment at {:#x} is not canonical", image.name, number(segment.address)));
    }
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

/// True if `view` may map the memory of `other` at another address: it has no bytes and is neither writable nor
/// executable.
bool is_view_of(const Segment& view, const Segment& other) {
    return view.bytes.empty() && !view.writable && !view.executable && other.writable &&
           number(view.physical) >= number(other.physical) &&
           number(view.physical) + view.size <= number(other.physical) + other.size;
}

ImageError lacks(const Image& image, const std::string& what) {
    return ImageError(fmt::format("{}: gatecrash_abi names {}: {}", image.name, what, runtime_remedy));
}

/// Checks that a stack is there from end to end, since the checks of a run compare stacks byte by byte.
void check_stack(const Image& image, const abi::Stack& stack) {
    const auto* segment = image.segment_at(Virtual{stack.low});
    if (segment == nullptr || !segment->is_writable_data() || stack.high <= stack.low ||
        !segment->contains(Virtual{stack.high - 1})) {
        throw lacks(image, fmt::format("a stack from {:#x} to {:#x}, which is not in writable memory of the image",
                                       stack.low, stack.high));
    }
}

void check_table(const Image& image, const char* what, std::uint64_t base, std::uint64_t limit) {
    const auto* segment = image.segment_at(Virtual{base});
    if (segment == nullptr || limit > 0xffff || !segment->contains(Virtual{base + limit})) {
        throw lacks(image, fmt::format("no {} inside the image", what));
    }
}

/// True if a push with RSP at `top` writes to writable memory.
bool is_stack(const Image& image, std::uint64_t top) {
    const auto* segment = image.segment_at(Virtual{top - image.word_size});
    return segment != nullptr && segment->is_writable_data() && top % image.word_size == 0;
}

}  // namespace

void check_version(const Image& image) {
    const auto& abi = image.descriptor;
    if (abi.magic != GATECRASH_ABI_MAGIC || abi.version != GATECRASH_ABI_VERSION) {
        throw ImageError(
            fmt::format("{}: gatecrash_abi has magic {:#x} version {}, expected {:#x} version {}: rebuild "
                        "the guest against this gatecrash",
                        image.name, abi.magic, abi.version, std::uint64_t{GATECRASH_ABI_MAGIC}, GATECRASH_ABI_VERSION));
    }
}

void check_image(const Image& image) {
    const auto& segments = image.segments;
    for (auto segment = segments.begin(); segment != segments.end(); ++segment) {
        check_segment(image, *segment);
        for (auto other = segments.begin(); other != segment; ++other) {
            const auto size = segment->page_count() * page_size;
            const auto other_size = other->page_count() * page_size;
            const bool shared = is_view_of(*segment, *other) || is_view_of(*other, *segment);
            if (overlap(number(segment->address), size, number(other->address), other_size) ||
                (!shared && overlap(number(segment->physical), size, number(other->physical), other_size))) {
                throw ImageError(fmt::format("{}: the segments at {:#x} and {:#x} share a page", image.name,
                                             number(other->address), number(segment->address)));
            }
        }
    }
    const auto* entry = image.segment_at(image.entry);
    if (entry == nullptr || !entry->executable) {
        throw ImageError(
            fmt::format("{}: the entry point {:#x} is not in executable memory", image.name, number(image.entry)));
    }
    check_version(image);
    const auto& abi = image.descriptor;
    check_table(image, "GDT", abi.gdt, abi.gdt_limit);
    check_table(image, "IDT", abi.idt, abi.idt_limit);
    check_table(image, "TSS", abi.tss, abi.tss_limit);
    const auto* log = image.segment_at(Virtual{abi.log});
    if (log == nullptr || !log->is_writable_data() || !log->contains(Virtual{abi.log + sizeof(abi::Log) - 1})) {
        throw lacks(image, "no writable log ring inside the image");
    }
    if (!is_stack(image, abi.boot_stack)) throw lacks(image, "no boot stack in writable memory of the image");
    for (const auto& stack : image.stacks) check_stack(image, stack);
}

}  // namespace gatecrash::vm
