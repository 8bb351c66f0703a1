#include "kernel/image_window.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "sweep/schedule.hpp"
#include "vm/instruction.hpp"

namespace gatecrash::kernel {
namespace {

vm::Virtual need(const ImageFile& file, const std::string& symbol) {
    if (const auto address = file.symbols.find(symbol)) return *address;
    throw ImageError(
        fmt::format("the image has no symbol '{}': `nm` lists those of an ELF file. Link it without -s", symbol));
}

/// True if the instruction has one byte in code of some size. Nobody knows yet which size the code has.
bool is_one_byte(std::span<const std::byte> code) {
    return std::ranges::any_of(std::array{vm::CodeSize::bits64, vm::CodeSize::bits32}, [&](vm::CodeSize size) {
        const auto instruction = vm::decode(code, vm::Virtual{}, size);
        return instruction && instruction->length == 1;
    });
}

/// Finds code that an OUT of two bytes can replace while it does not execute.
CodePlace find_code(const ImageFile& file, const Place& place) {
    const vm::Virtual address{number(need(file, place.symbol)) + place.offset};
    for (const auto& segment : file.image.segments) {
        const auto offset = number(address) - number(segment.address);
        if (offset >= segment.bytes.size()) continue;
        const auto code = segment.bytes.subspan(offset);
        const vm::Virtual next{number(address) + 1};
        if (is_one_byte(code) && !file.symbols.names_at(next).empty()) {
            throw ImageError(
                fmt::format("{} has one byte, and {} comes next: the OUT that stops there has two bytes. "
                            "Name a place before or after it",
                            to_string(place), file.symbols.name_of(next)));
        }
        return {address, vm::Physical{number(segment.physical) + offset}};
    }
    throw ImageError(fmt::format("{} is not code in the file of the image", to_string(place)));
}

/// Finds room for the catchers that is mapped wherever code is: the rest of the page after a segment of code, or
/// padding inside one.
vm::Virtual find_room(const BootImage& image) {
    for (const auto& segment : image.segments) {
        if (!segment.is_code) continue;
        const vm::Virtual end{number(segment.address) + segment.size};
        auto free = (vm::page_size - vm::offset_in_page(end)) % vm::page_size;
        for (const auto& other : image.segments) {
            const auto distance = number(other.address) - number(end);
            free = std::min(free, distance);
        }
        if (free >= catchers_size) return end;
    }
    for (const auto& segment : image.segments) {
        if (!segment.is_code) continue;
        for (const auto padding : {std::byte{0xcc}, std::byte{0x90}}) {
            const auto begin = segment.bytes.begin(), end = segment.bytes.end();
            const auto found = std::search_n(begin, end, catchers_size, padding);
            if (found != end) return vm::Virtual{number(segment.address) + static_cast<std::uint64_t>(found - begin)};
        }
    }
    throw ImageError(
        fmt::format("no room for the {} bytes of code that stepping needs: end the text segment with `.fill {}, 1, "
                    "0xcc`",
                    catchers_size, catchers_size));
}

/// Returns the addresses from the first segment to the last one.
AddressRange addresses_of(const BootImage& image) {
    const auto& first = image.segments.front();
    AddressRange range{first.address, first.address};
    for (const auto& [physical, address, bytes, size, is_code] : image.segments) {
        range.begin = std::min(range.begin, address);
        range.end = std::max(range.end, vm::Virtual{number(address) + size});
    }
    return range;
}

}  // namespace

ImageWindow parse_window(std::string_view text) {
    const auto dots = text.find("..");
    const auto from = parse_place(text.substr(0, dots));
    const auto to = dots == std::string_view::npos ? std::nullopt : parse_place(text.substr(dots + 2));
    if (!from || !to) {
        throw sweep::ScheduleError(fmt::format(
            "must be FROM..TO, each SYMBOL or SYMBOL+0xOFFSET, such as entry_syscall..syscall_exit, not '{}'", text));
    }
    if (*from == *to) throw sweep::ScheduleError(fmt::format("begins and ends at {}: name two places", to_string(*to)));
    return {*from, *to};
}

std::string to_string(const ImageWindow& window) { return to_string(window.from) + ".." + to_string(window.to); }

ImagePlaces find_places(const ImageFile& file, const ImageDescription& description, const ImageWindow& window) {
    ImagePlaces places{find_code(file, window.from), find_code(file, window.to), {}};
    auto& facts = places.facts;
    facts.programs = {};
    facts.image = addresses_of(file.image);
    facts.shares_repeats = false;
    if (description.irq_vector) facts.irq_vector = *description.irq_vector;
    if (!description.nmi_counter.empty()) facts.nmi_count = need(file, description.nmi_counter);
    if (!description.irq_counter.empty()) facts.irq_count = need(file, description.irq_counter);
    for (const auto& function : description.failures) facts.failures.emplace(need(file, function), function);
    facts.catchers = find_room(file.image);
    return places;
}

}  // namespace gatecrash::kernel
