// The kernel's description of its own types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gatecrash::kernel {

/// The structures in a kernel's section .BTF (Linux, Documentation/bpf/btf.rst), by name.
class Btf {
  public:
    /// Keeps `section`, which must outlive it. Throws ImageError if the section is damaged or of an unknown version.
    explicit Btf(std::span<const std::byte> section);

    /// Returns the offset of a member in bytes, or nothing if the structure or the member is missing. `structure` is
    /// the name of a struct, a union or a typedef of one. `member` may be a path, as "x86_tss.ist", and members of
    /// nameless structures count as members of the structure around them. A bit-field has the offset of its first byte.
    [[nodiscard]] std::optional<std::uint32_t> offset_of(std::string_view structure, std::string_view member) const;

    /// Returns the size of a structure in bytes, or nothing if it is missing.
    [[nodiscard]] std::optional<std::uint32_t> size_of(std::string_view structure) const;
    /// Returns the value of the enumerator `name` of any enumeration, or nothing if none has it. Knows those of 32
    /// bits.
    [[nodiscard]] std::optional<std::uint32_t> value_of(std::string_view name) const;

  private:
    struct Type {
        std::uint32_t at;    ///< in the types, in bytes
        std::uint32_t name;  ///< where it begins in the strings
        std::uint32_t info, size_or_type;
    };

    /// True if the string that begins at `at` in the strings is `text`. Reads no more of it, so that a section without
    /// an end of its strings does not take long.
    [[nodiscard]] bool is_string(std::uint32_t at, std::string_view text) const;
    [[nodiscard]] std::uint32_t word_at(std::size_t at) const;
    void read_types();
    /// Follows typedefs and qualifiers to a structure. Returns null for anything else.
    [[nodiscard]] const Type* structure_of(std::uint32_t id) const;
    /// Returns the offset of `path` in `structure`, or nothing. Counts `members_left` down for each member that it
    /// reads, and stops at 0.
    [[nodiscard]] std::optional<std::uint32_t> find(const Type& structure, std::string_view path, unsigned depth,
                                                    std::uint32_t& members_left) const;

    std::span<const std::byte> types_;
    std::string_view strings_;
    std::vector<Type> by_id_;
};

}  // namespace gatecrash::kernel
