// Makes the files of small kernels: ELF, bzImage, kallsyms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/payload.hpp"

namespace gatecrash::kernel {

inline Bytes bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

/// Appends the bytes of a number, least significant first.
template <typename Number>
void append(std::string& to, Number number) {
    to.append(reinterpret_cast<const char*>(&number), sizeof number);
}
inline void align(std::string& to, std::size_t alignment) {
    to.resize((to.size() + alignment - 1) / alignment * alignment);
}

constexpr std::uint64_t kernel_text = 0xffffffff81000000;

/// Which kernel's build wrote the tables.
enum class Layout : std::uint8_t { linux_5_10, linux_6_4, linux_6_15, linux_7_2 };

/// Returns a segment at `kernel_text` with the kallsyms of `symbols`, each a type, a name and an address. The
/// compressed names encode "do_" as one token, and other characters as themselves.
std::string kallsyms(const std::vector<std::pair<std::string, std::uint64_t>>& symbols, Layout layout);

/// Returns an ELF file with one segment, `content` at `kernel_text`, and these sections.
std::string elf_file(std::string_view content, const std::vector<std::pair<std::string, std::string>>& sections = {});

/// Returns a bzImage with that payload.
std::string bzimage(std::string_view payload);

}  // namespace gatecrash::kernel
