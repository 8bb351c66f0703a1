// Functions whose names say what a call of them means.
#pragma once

#include <optional>
#include <string_view>

namespace gatecrash::check {

/// A function that a compiler or a macro calls, and nobody writes a call of.
struct Hook {
    std::string_view prefix;  ///< of its name
    std::string_view what;
    bool is_inserted_by_compiler;  ///< so an annotation, which is about source code, does not allow it
};

[[nodiscard]] std::optional<Hook> hook_of(std::string_view name);

/// True for a thunk that makes an indirect branch without prediction (retpoline).
[[nodiscard]] bool is_indirect_thunk(std::string_view name);
/// True for the trampoline of a static call, whose target the kernel patches in.
[[nodiscard]] bool is_static_call(std::string_view name);
/// True for a thunk that a kernel uses as RET.
[[nodiscard]] bool is_return_thunk(std::string_view name);
/// True for sections of thunks and of code against speculation, which count as checked sections (tools/objtool/check.c,
/// decode_instructions()).
[[nodiscard]] bool is_thunk_section(std::string_view name);

}  // namespace gatecrash::check
