// The protected code of a guest, for sweeps.
#pragma once

#include <vector>

#include "check/annotations.hpp"
#include "check/code_file.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::check {

/// Returns the sections .noinstr.text and .entry.text of a linked file, and their exits. guest.lds makes .noinstr.text
/// the end of .text; then that part counts as well. The exits are the calls and jumps that break the rule
/// leaves-section or instrumentation-hook, and the indirect calls. There are no others:
/// - An indirect jump may be a return, as one from #MC that must not unmask NMIs.
/// - A jump to an entry point outside is none. That entry point has chosen not to be protected.
///
/// Without such sections, the result is empty.
[[nodiscard]] vm::ProtectedCode protected_code(const CodeFile& file);

/// Returns the calls and jumps of a Linux kernel that always leave the protected code where none of these annotations
/// allows it. A correct kernel has none, except some that it patches while it boots.
[[nodiscard]] std::vector<vm::Virtual> certain_exits(const CodeFile& kernel, const Annotations& annotations);

/// Returns kernel::code_identity() of the code in `sections`.
[[nodiscard]] std::string identity_of(const CodeFile& file, const std::vector<Range>& sections);

}  // namespace gatecrash::check
