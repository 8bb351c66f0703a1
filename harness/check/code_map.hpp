// The checked sections of a file, and what is known about places in them.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "check/code_file.hpp"

namespace gatecrash::check {

class CodeMap {
  public:
    /// Both arguments must outlive this.
    CodeMap(const CodeFile& file, const std::vector<Range>& sections);

    [[nodiscard]] const CodeFile& file() const { return file_; }
    [[nodiscard]] const std::vector<Range>& sections() const { return sections_; }
    /// Returns the index of the checked section with that address; the number of sections if there is none.
    [[nodiscard]] std::size_t section_of(std::uint64_t address) const;
    [[nodiscard]] bool is_checked(std::uint64_t address) const { return section_of(address) < sections_.size(); }
    /// Returns the name of the symbol at exactly `address`; may be empty.
    [[nodiscard]] std::string_view name_at(std::uint64_t address) const;

    /// True if code may go on at `next` after a call. A call that nothing but UD2 or INT3 follows does not return.
    [[nodiscard]] bool call_returns(std::uint64_t next, const Range& section) const;
    [[nodiscard]] static bool is_int3(std::uint64_t address, const Range& section) {
        return section.bytes[address - section.address] == std::byte{0xcc};
    }
    /// True if several INT3 fill the space up to a symbol. Kernels fill the space between functions so.
    [[nodiscard]] bool is_fill(std::uint64_t address, const Range& section) const;

  private:
    const CodeFile& file_;
    const std::vector<Range>& sections_;
    std::unordered_set<std::uint64_t> functions_;  ///< addresses
};

}  // namespace gatecrash::check
