// The source lines of code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"

namespace gatecrash::kernel {

/// Reads the line tables of an ELF file with debug information (DWARF), each when it is first needed. A vmlinux can
/// have hundreds of MB.
class SourceLines {
  public:
    /// Opens the file `path`. There are no source lines if it has no debug information, or is no ELF file. Throws
    /// std::system_error if it cannot be opened.
    explicit SourceLines(const std::string& path);

    /// Takes the content of a file, which must outlive this. Relocations of an object must have been applied to it.
    explicit SourceLines(std::span<const std::byte> content);

    [[nodiscard]] bool empty() const { return units_.empty(); }
    /// Returns "FILE:LINE" for an address of code, or nothing if that is not known. FILE lacks the
    /// folders that it has in common with the folder of the build.
    [[nodiscard]] std::optional<std::string> at(vm::Virtual address) const;

  private:
    void find_units();

    struct Debug;  ///< libdw's
    /// The code of one compilation unit, or a part of it.
    struct Unit {
        std::uint64_t begin, end, offset;
    };

    std::shared_ptr<Debug> debug_;
    std::vector<Unit> units_;  ///< by address
};

}  // namespace gatecrash::kernel
