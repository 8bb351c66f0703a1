// A guest before it runs: the contents of its memory, as an ELF file or a test gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gatecrash/abi.h"
#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// Thrown for a guest that cannot be used. It is no ELF file, an ELF file of another kind, truncated, or without
/// something that the guest ABI requires.
class ImageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A run of bytes with one set of rights. It is the user's if its address is in the low half.
struct Segment {
    Virtual address{};    ///< page-aligned
    Physical physical{};  ///< page-aligned
    std::vector<std::byte> bytes;
    std::uint64_t size = 0;  ///< bytes in memory, at least bytes.size(); the rest is zero
    bool writable = false;
    bool executable = false;
    bool entry_area = false;    ///< the user's page tables map it, too (GATECRASH_PF_ENTRY_AREA)
    bool shadow_stack = false;  ///< page tables make it one, while its memory is `writable` (GATECRASH_PF_SHADOW_STACK)

    /// True if instructions that are not about shadow stacks can write to it.
    [[nodiscard]] bool is_writable_data() const { return writable && !shadow_stack; }
    [[nodiscard]] std::uint64_t page_count() const { return (size + page_size - 1) / page_size; }
    [[nodiscard]] bool contains(Virtual where) const {
        return number(where) >= number(address) && number(where) - number(address) < size;
    }
};

struct Symbol {
    std::string name;
    Virtual address{};
};

/// Finds symbols by name and by address.
class SymbolTable {
  public:
    SymbolTable() = default;
    explicit SymbolTable(std::vector<Symbol> symbols);
    /// Calls `read` for the symbols when the first of them is needed. Only one thread may use such a table.
    explicit SymbolTable(std::function<std::vector<Symbol>()> read) : read_(std::move(read)) {}

    /// Returns the lowest address with that name.
    [[nodiscard]] std::optional<Virtual> find(const std::string& name) const;
    /// True if `address` has that name. Local symbols of several files can share a name.
    [[nodiscard]] bool has(const std::string& name, Virtual address) const;
    /// Returns "SYMBOL" or "SYMBOL+0xOFFSET" with the nearest symbol at or below `address`; plain hexadecimal if there
    /// is none.
    [[nodiscard]] std::string name_of(Virtual address) const;
    /// Returns all symbols with exactly that address. The first one is the one that name_of() takes.
    [[nodiscard]] std::vector<std::string> names_at(Virtual address) const;

  private:
    struct Sorted {
        std::vector<Symbol> by_address;
        std::unordered_map<std::string, std::vector<Virtual>> by_name;
    };
    static Sorted sort(std::vector<Symbol> symbols);
    [[nodiscard]] const Sorted& sorted() const;

    mutable Sorted sorted_;
    mutable std::function<std::vector<Symbol>()> read_;  ///< empty once it was called
};

/// The code that a CPU enters, as far as it must not be instrumented: `gatecrash check` calls it the checked sections.
struct ProtectedCode {
    struct Range {
        Virtual begin{}, end{};  ///< `end` is the first address after it
    };
    std::vector<Range> ranges;
    /// Calls and jumps in the ranges that can leave them where no annotation allows it, by address. Most code has none.
    std::vector<Virtual> exits;
    std::string identity{};  ///< a digest of the code, which tells it from other code; may be empty

    [[nodiscard]] bool contains(Virtual where) const;
    [[nodiscard]] bool is_exit(Virtual where) const;
};

/// Returns the name of the first of `stacks` that `rsp` points into (its very top included), or "?".
[[nodiscard]] std::string stack_of(std::span<const abi::Stack> stacks, std::uint64_t rsp);

struct Image {
    std::string name;             ///< "CASE/VARIANT" or the file's path, for messages
    std::uint64_t word_size = 8;  ///< bytes: 4 for a 32-bit guest, which runs in legacy mode
    Virtual entry{};
    abi::Descriptor descriptor{};
    std::vector<abi::Stack> stacks;
    std::vector<Segment> segments;
    SymbolTable symbols;
    ProtectedCode protected_code{};  ///< empty if nobody has looked for it
    bool keeps_pages_new = false;    ///< the first use of a page must be the guest's own: see quirks/new_pages.hpp

    [[nodiscard]] bool is_64_bit() const { return word_size == 8; }
    /// True if `address` is the user's: user code is in the low half of the address space, kernel code in the high
    /// half.
    [[nodiscard]] bool is_user(Virtual address) const { return number(address) >> (8 * word_size - 1) == 0; }
    /// Returns the address of the harness's own pages, above everything that a guest may have.
    [[nodiscard]] Virtual harness_address() const { return Virtual{is_64_bit() ? 0xffffffffc0000000 : 0xffc00000}; }
    /// Returns the segment around `address`, or null.
    [[nodiscard]] const Segment* segment_at(Virtual address) const;
    /// Returns the name of the stack that `rsp` points into.
    [[nodiscard]] std::string stack_of(std::uint64_t rsp) const { return vm::stack_of(stacks, rsp); }
};

/// Tells what to do about an image that lacks something of the guest ABI.
inline constexpr const char* runtime_remedy =
    "link it with gatecrash's runtime and guest.lds, as a project that `gatecrash new` writes does";

/// Reads an ELF file. Throws ImageError, which says what is wrong and what is expected.
[[nodiscard]] Image load_elf(std::span<const std::byte> file, const std::string& name);
[[nodiscard]] Image load_elf_file(const std::string& path);

/// Checks that the descriptor is one of this version's. Throws ImageError.
void check_version(const Image& image);

/// Checks what booting relies on: alignment, overlaps, the descriptor. Throws ImageError.
void check_image(const Image& image);

}  // namespace gatecrash::vm
