#include "kernel/kallsyms.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "kernel/payload.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::size_t tokens = 256, marker_distance = 256, word = 4;
constexpr std::size_t index_size = tokens * sizeof(std::uint16_t);
/// Tables of real kernels have about 1 KiB.
constexpr std::size_t max_token_table = 16384;
constexpr std::uint32_t least_symbols = 64, most_symbols = 2'000'000;
/// Twice KSYM_NAME_LEN of include/linux/kallsyms.h.
constexpr std::size_t max_name = 1024;
/// Bounds the search for the names, in names that are looked at. Segments of a damaged file could look like names
/// everywhere.
constexpr std::uint64_t max_search = 200'000'000;
/// Linux maps its text here: Documentation/arch/x86/x86_64/mm.rst.
constexpr std::uint64_t kernel_map = 0xffffffff80000000;

constexpr std::size_t aligned(std::size_t at, std::size_t alignment) { return (at + alignment - 1) & ~(alignment - 1); }

/// Where the tables are, as offsets in the image.
struct Tokens {
    std::size_t table = 0, index = 0;
};
struct Names {
    std::size_t count_at = 0, names = 0;
    std::uint32_t count = 0;
};

/// Says to which address the offset of a symbol is relative.
enum class Relative : std::uint8_t {
    to_base_or_none,  ///< CONFIG_KALLSYMS_ABSOLUTE_PERCPU: negative ones count down from the base, others are addresses
    to_base,
    to_its_place
};
struct Addresses {
    std::size_t offsets = 0;
    std::uint64_t base = 0;
    Relative relative{};
};

class Decoder {
  public:
    Decoder(std::span<const std::byte> image, std::uint64_t address) : image_(image), address_(address) {}

    std::vector<KernelSymbol> decode() {
        for (std::size_t at = 0; at + index_size <= image_.size(); at += word) {
            if (!is_token_index(at)) continue;
            const auto table = token_table_before(at);
            if (!table) continue;
            tokens_ = {*table, at};
            // Each part is aligned to a multiple of 8, or of 4 in newer kernels.
            for (auto count_at = tokens_.table & ~(word - 1); count_at >= word && searched_ < max_search;) {
                count_at -= word;
                for (const std::size_t alignment : {8, 4}) {
                    const auto names = names_at(count_at, alignment);
                    if (!names) continue;
                    if (const auto addresses = addresses_of(*names)) return symbols(*names, *addresses);
                }
            }
        }
        return {};
    }

  private:
    [[nodiscard]] unsigned byte(std::size_t at) const { return std::to_integer<unsigned>(image_[at]); }
    [[nodiscard]] std::uint16_t token_offset(std::size_t index, std::size_t token) const {
        return number_at<std::uint16_t>(image_, index + token * sizeof(std::uint16_t));
    }

    /// True if 256 ascending offsets begin at `at`, the first of them 0.
    [[nodiscard]] bool is_token_index(std::size_t at) const {
        if (token_offset(at, 0) != 0) return false;
        for (std::size_t token = 1; token < tokens; ++token) {
            if (token_offset(at, token) <= token_offset(at, token - 1)) return false;
        }
        return token_offset(at, tokens - 1) < max_token_table;
    }

    [[nodiscard]] std::string_view string_at(std::size_t at, std::size_t end) const {
        const std::string_view rest(reinterpret_cast<const char*>(image_.data() + at), end - at);
        return rest.substr(0, rest.find('\0'));
    }

    /// Returns where the table is whose strings begin where the index at `index` says. Characters that symbols use are
    /// tokens of their own.
    [[nodiscard]] std::optional<std::size_t> token_table_before(std::size_t index) const {
        const std::size_t last = token_offset(index, tokens - 1);
        const auto fits = [&](std::size_t table) {
            for (std::size_t token = 1; token < tokens; ++token) {
                if (byte(table + token_offset(index, token) - 1) != 0) return false;
            }
            for (const unsigned char character : {'0', 'T', '_', 'a', 't'}) {
                if (string_at(table + token_offset(index, character), index) !=
                    std::string(1, static_cast<char>(character))) {
                    return false;
                }
            }
            const auto end = table + last + string_at(table + last, index).size() + 1;
            return aligned(end, word) == index || aligned(end, 2 * word) == index;
        };
        for (auto table = index; table >= word && index - table < max_token_table;) {
            table -= word;
            if (table + last < index && fits(table)) return table;
        }
        return {};
    }

    /// Returns the length of the name at `at` in tokens, and advances `at` to the first of them. Since 6.1, a length
    /// above 127 takes two bytes. Older kernels use one byte, and no length above 127.
    [[nodiscard]] unsigned length_at(std::size_t& at) const {
        unsigned length = byte(at++);
        constexpr unsigned more = 0x80;
        if ((length & more) != 0 && at < image_.size()) length = (length & ~more) | byte(at++) << 7;
        return length;
    }

    /// Accepts a count of symbols at `count_at` if so many names follow, and then the offsets of every 256th.
    [[nodiscard]] std::optional<Names> names_at(std::size_t count_at, std::size_t alignment) {
        const Names found{count_at, count_at + alignment, number_at<std::uint32_t>(image_, count_at)};
        if (found.count < least_symbols || found.count > most_symbols) return {};
        std::vector<std::uint32_t> markers;
        auto at = found.names;
        for (std::uint32_t name = 0; name < found.count; ++name, ++searched_) {
            if (name % marker_distance == 0) markers.push_back(static_cast<std::uint32_t>(at - found.names));
            if (at >= tokens_.table) return {};
            const auto length = length_at(at);
            if (length == 0) return {};
            at += length;
        }
        at = aligned(at, alignment);
        const auto size = markers.size() * sizeof(std::uint32_t);
        if (at + size > tokens_.table || std::memcmp(image_.data() + at, markers.data(), size) != 0) return {};
        return found;
    }

    /// Returns the first meaning of the offsets by which all parts agree.
    [[nodiscard]] std::optional<Addresses> addresses_of(const Names& names) const {
        const std::size_t size = names.count * sizeof(std::uint32_t), taken = aligned(size, 8) + sizeof(std::uint64_t);
        const auto after = aligned(tokens_.index + index_size, word);
        std::vector<Addresses> possible;
        const auto add = [&](std::size_t offsets) {
            const auto base = number_at<std::uint64_t>(image_, offsets + aligned(size, 8));
            if (base != 0 && base < kernel_map) return;
            possible.push_back({offsets, base, Relative::to_base_or_none});
            possible.push_back({offsets, base, Relative::to_base});
        };
        if (names.count_at >= taken) add(names.count_at - taken);
        if (after + taken <= image_.size()) add(after);
        if (after + size <= image_.size()) possible.push_back({after, 0, Relative::to_its_place});
        const auto found = std::ranges::find_if(possible, [&](const Addresses& each) { return agree(names, each); });
        return found == possible.end() ? std::nullopt : std::optional(*found);
    }

    [[nodiscard]] std::uint64_t address_of(const Addresses& addresses, std::uint32_t symbol) const {
        const auto place = addresses.offsets + symbol * sizeof(std::int32_t);
        const auto offset = number_at<std::int32_t>(image_, place);
        const auto wide = static_cast<std::uint64_t>(std::int64_t{offset});
        switch (addresses.relative) {
            case Relative::to_base_or_none:
                return offset < 0 ? addresses.base - 1 - wide : wide;
            case Relative::to_base:
                return addresses.base + static_cast<std::uint32_t>(offset);
            case Relative::to_its_place:
                return address_ + place + wide;
        }
        return 0;
    }

    /// True if the addresses ascend, and most are those of the kernel.
    [[nodiscard]] bool agree(const Names& names, const Addresses& addresses) const {
        std::uint64_t before = 0;
        std::uint32_t in_kernel = 0;
        for (std::uint32_t symbol = 0; symbol < names.count; ++symbol) {
            const auto address = address_of(addresses, symbol);
            if (address < before) return false;
            before = address;
            in_kernel += address >= kernel_map ? 1 : 0;
        }
        return in_kernel > names.count / 2;
    }

    [[nodiscard]] std::vector<KernelSymbol> symbols(const Names& names, const Addresses& addresses) const {
        std::vector<KernelSymbol> all;
        all.reserve(names.count);
        auto at = names.names;
        for (std::uint32_t symbol = 0; symbol < names.count; ++symbol) {
            std::string name;
            const auto end = [&] {
                const auto length = length_at(at);
                return at + length;
            }();
            for (; at < end && name.size() <= max_name; ++at)
                name += string_at(tokens_.table + token_offset(tokens_.index, byte(at)), tokens_.index);
            if (name.empty() || name.size() > max_name) return {};
            all.push_back({name.front(), name.substr(1), vm::Virtual{address_of(addresses, symbol)}});
        }
        return all;
    }

    std::span<const std::byte> image_;
    std::uint64_t address_;
    Tokens tokens_;
    std::uint64_t searched_ = 0;
};

}  // namespace

std::vector<KernelSymbol> read_kallsyms(std::span<const std::byte> segment, vm::Virtual address) {
    return Decoder(segment, number(address)).decode();
}

}  // namespace gatecrash::kernel
