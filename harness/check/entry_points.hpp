// The places where the CPU enters a kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/code_file.hpp"

namespace gatecrash::check {

/// How the CPU enters, which decides the state that the code finds.
enum class EntryKind : std::uint8_t {
    syscall,
    sysenter,
    idt,       ///< a gate without an IST stack
    idt_code,  ///< the same, and the CPU pushes an error code
    idt_call,  ///< a gate for INT n, whose registers are the arguments of a system call
    ist,       ///< a gate with an IST stack
    ist_code,  ///< the same, and the CPU pushes an error code
    nmi,
    unknown,  ///< nothing is known about the state
};

struct EntryPoint {
    std::string name;
    EntryKind kind = EntryKind::unknown;
    std::uint64_t address = 0;
};

/// Returns the kind with that word, as --entry takes it: "syscall", "idt-code" and so on.
[[nodiscard]] std::optional<EntryKind> entry_kind(std::string_view word);
/// Returns all words for kinds, for messages.
[[nodiscard]] std::string entry_kind_words();

/// Returns the entry points of `file` with the names that Linux and our own runtime use.
[[nodiscard]] std::vector<EntryPoint> known_entries(const CodeFile& file);
/// Returns the kind that this name usually has; `unknown` for a name that nobody knows.
[[nodiscard]] EntryKind usual_kind(std::string_view name);

}  // namespace gatecrash::check
