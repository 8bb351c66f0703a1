// The checked sections of a file, and what is known about places in them.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "check/code_file.hpp"
#include "check/decoder.hpp"

namespace gatecrash::check {

class CodeMap {
  public:
    /// `sections` are those to check. `file` must outlive this.
    CodeMap(const CodeFile& file, const std::vector<Range>& sections);

    [[nodiscard]] const CodeFile& file() const { return file_; }
    /// Returns the sections whose code is followed. Those to check come first. Then comes .altinstr_aux: code that
    /// Linux moves out of a function, and goes through until it has patched itself (arch/x86/include/asm/cpufeature.h).
    [[nodiscard]] const std::vector<Range>& sections() const { return sections_; }
    /// Returns the index of the section with that address; the number of sections if there is none.
    [[nodiscard]] std::size_t section_of(std::uint64_t address) const;
    [[nodiscard]] bool is_followed(std::uint64_t address) const { return section_of(address) < sections_.size(); }
    [[nodiscard]] bool is_checked(std::uint64_t address) const { return section_of(address) < checked_; }
    /// Returns the name of the symbol at exactly `address`; may be empty.
    [[nodiscard]] std::string_view name_at(std::uint64_t address) const;

    /// False if nothing but UD2 or INT3 follows a call. The compiler knows then that it does not return.
    [[nodiscard]] bool has_code_after(const Decoded& call, const Range& section) const;
    /// False if the function at `address` is known not to return.
    [[nodiscard]] bool function_returns(std::uint64_t address) const;
    /// True if code may go on after a call. A function without any return does not, whatever follows its call.
    [[nodiscard]] bool call_returns(const Decoded& call, const Range& section) const;
    [[nodiscard]] static bool is_int3(std::uint64_t address, const Range& section) {
        return section.bytes[address - section.address] == std::byte{0xcc};
    }
    /// True if several INT3 fill the space up to a symbol. Kernels fill the space between functions so.
    [[nodiscard]] bool is_fill(std::uint64_t address, const Range& section) const;

  private:
    [[nodiscard]] bool find_return(const CodeSymbol& function) const;

    const CodeFile& file_;
    std::vector<Range> sections_;
    std::size_t checked_;                          ///< how many of the sections are checked
    std::unordered_set<std::uint64_t> functions_;  ///< addresses
    Decoder decoder_;
    mutable std::unordered_map<std::uint64_t, bool> returns_;  ///< by address, as far as somebody has asked
};

}  // namespace gatecrash::check
