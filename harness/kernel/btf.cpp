#include "kernel/btf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/payload.hpp"

namespace gatecrash::kernel {
namespace {

// Linux, include/uapi/linux/btf.h.
constexpr std::uint16_t magic = 0xeb9f;
constexpr std::uint8_t version = 1;
struct Header {
    std::uint16_t magic;
    std::uint8_t version, flags;
    std::uint32_t header_length, types_at, types_length, strings_at, strings_length;
};
enum Kind : std::uint32_t {
    integer = 1,
    pointer,
    array,
    structure,
    union_type,
    enumeration,
    forward,
    type_definition,
    volatile_type,
    const_type,
    restrict_type,
    function,
    function_prototype,
    variable,
    data_section,
    floating,
    declaration_tag,
    type_tag,
    enumeration_64
};
constexpr std::size_t type_size = 12, member_size = 12, enumerator_size = 8;
/// Structures nest less deep than this. A damaged section could nest without end.
constexpr unsigned max_depth = 32;
/// Bounds the search for one member; a kernel has some hundreds to search. Structures of a damaged section could
/// contain each other many times.
constexpr std::uint32_t max_members = 100'000;

constexpr Kind kind_of(std::uint32_t info) { return static_cast<Kind>(info >> 24 & 0x1f); }
constexpr std::uint32_t length_of(std::uint32_t info) { return info & 0xffff; }

/// Returns the size of what follows a type, in bytes, or nothing for an unknown kind.
std::optional<std::size_t> extra_size(std::uint32_t info) {
    const std::size_t length = length_of(info);
    switch (kind_of(info)) {
        case integer:
        case variable:
        case declaration_tag:
            return 4;
        case array:
            return 12;
        case structure:
        case union_type:
        case data_section:
        case enumeration_64:
            return 12 * length;
        case enumeration:
        case function_prototype:
            return 8 * length;
        case pointer:
        case forward:
        case type_definition:
        case volatile_type:
        case const_type:
        case restrict_type:
        case function:
        case floating:
        case type_tag:
            return 0;
    }
    return {};
}

[[noreturn]] void damaged(std::string_view why) {
    throw ImageError(fmt::format("its type information (.BTF) cannot be read: {}", why));
}

}  // namespace

Btf::Btf(std::span<const std::byte> section) {
    Header header{};
    if (section.size() < sizeof header) damaged("it is shorter than its header");
    std::memcpy(&header, section.data(), sizeof header);
    if (header.magic != magic || header.version != version) damaged("it is not BTF of version 1");
    const auto part = [&](std::uint64_t offset, std::uint64_t length) {
        const auto at = header.header_length + offset;
        if (at > section.size() || section.size() - at < length) damaged("it is cut off");
        return section.subspan(at, length);
    };
    types_ = part(header.types_at, header.types_length);
    const auto strings = part(header.strings_at, header.strings_length);
    strings_ = {reinterpret_cast<const char*>(strings.data()), strings.size()};
    read_types();
}

std::uint32_t Btf::word_at(std::size_t at) const { return number_at<std::uint32_t>(types_, at); }

bool Btf::is_string(std::uint32_t at, std::string_view text) const {
    if (at >= strings_.size()) return false;
    const auto rest = strings_.substr(at);
    return rest.starts_with(text) && rest.size() > text.size() && rest[text.size()] == '\0';
}

void Btf::read_types() {
    by_id_.push_back({});  // type 0 is void
    for (std::size_t at = 0; at < types_.size();) {
        if (types_.size() - at < type_size) damaged("its last type is cut off");
        const Type type{static_cast<std::uint32_t>(at), word_at(at), word_at(at + 4), word_at(at + 8)};
        const auto extra = extra_size(type.info);
        if (!extra) damaged(fmt::format("it has a type of unknown kind {}", type.info >> 24 & 0x1f));
        at += type_size;
        if (types_.size() - at < *extra) damaged("its last type is cut off");
        at += *extra;
        by_id_.push_back(type);
    }
}

const Btf::Type* Btf::structure_of(std::uint32_t id) const {
    for (unsigned step = 0; step < max_depth && id < by_id_.size(); ++step) {
        const auto& type = by_id_[id];
        switch (kind_of(type.info)) {
            case structure:
            case union_type:
                return &type;
            case type_definition:
            case volatile_type:
            case const_type:
            case type_tag:
                id = type.size_or_type;
                break;
            default:
                return nullptr;
        }
    }
    return nullptr;
}

std::optional<std::uint32_t> Btf::offset_of(std::string_view structure_name, std::string_view member) const {
    auto members_left = max_members;
    for (std::uint32_t id = 1; id < by_id_.size(); ++id) {
        if (!is_string(by_id_[id].name, structure_name)) continue;
        const auto* type = structure_of(id);
        if (type == nullptr) continue;
        if (const auto offset = find(*type, member, 0, members_left)) return offset;
    }
    return {};
}

std::optional<std::uint32_t> Btf::size_of(std::string_view structure_name) const {
    for (std::uint32_t id = 1; id < by_id_.size(); ++id) {
        if (!is_string(by_id_[id].name, structure_name)) continue;
        if (const auto* type = structure_of(id)) return type->size_or_type;
    }
    return {};
}

std::optional<std::uint32_t> Btf::value_of(std::string_view name) const {
    for (const auto& type : by_id_) {
        if (kind_of(type.info) != enumeration) continue;
        for (std::uint32_t i = 0; i < length_of(type.info); ++i) {
            const auto at = type.at + type_size + i * enumerator_size;
            if (is_string(word_at(at), name)) return word_at(at + 4);
        }
    }
    return {};
}

std::optional<std::uint32_t> Btf::find(const Type& of, std::string_view path, unsigned depth,
                                       std::uint32_t& members_left) const {
    if (depth == max_depth) return {};
    const auto dot = path.find('.');
    const auto first = path.substr(0, dot);
    const bool has_bit_fields = of.info >> 31 != 0;
    for (std::uint32_t member = 0; member < length_of(of.info); ++member) {
        if (members_left == 0) return {};
        --members_left;
        const auto at = of.at + type_size + member * member_size;
        const bool is_nameless = is_string(word_at(at), ""), is_first = is_string(word_at(at), first);
        // With kind_flag, the upper byte is the size of a bit-field: btf.rst, "BTF_KIND_STRUCT".
        const auto offset = (word_at(at + 8) & (has_bit_fields ? 0xffffff : 0xffffffff)) / 8;
        if (is_first && dot == std::string_view::npos) return offset;
        if (!is_nameless && !is_first) continue;
        const auto* type = structure_of(word_at(at + 4));
        if (type == nullptr) continue;
        if (const auto inner = find(*type, is_nameless ? path : path.substr(dot + 1), depth + 1, members_left))
            return offset + *inner;
    }
    return {};
}

}  // namespace gatecrash::kernel
