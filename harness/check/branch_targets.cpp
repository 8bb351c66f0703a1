#include "check/branch_targets.hpp"

#include <algorithm>

namespace gatecrash::check {
namespace {

/// Compilers: GCC manual, "Program Instrumentation Options"; clang, "SanitizerCoverage". Linux: kernel/kcov.c,
/// kernel/trace/trace_preemptirq.c, include/trace.
constexpr Hook hooks[] = {
    {"__fentry__", "the hook of the function tracer", true},
    {"mcount", "the hook of a profiler", true},
    {"_mcount", "the hook of a profiler", true},
    {"__cyg_profile_func_", "the hook of a profiler", true},
    {"__asan_", "a hook of AddressSanitizer", true},
    {"__hwasan_", "a hook of HWAddressSanitizer", true},
    {"__kasan_", "a hook of KASAN", true},
    {"__tsan_", "a hook of ThreadSanitizer", true},
    {"__kcsan_", "a hook of KCSAN", true},
    {"__msan_", "a hook of MemorySanitizer", true},
    {"__ubsan_", "a hook of UBSan", true},
    {"__sanitizer_cov_", "a hook of coverage (KCOV)", true},
    {"__gcov_", "a hook of coverage", true},
    {"__stack_chk_fail", "the stack protector", true},
    {"trace_hardirqs_", "a trace point", false},
    {"__traceiter_", "a trace point", false},
};

/// Newer kernels give what they run before relocation a second name.
std::string_view without_alias(std::string_view name) {
    constexpr std::string_view alias = "__pi_";
    return name.starts_with(alias) ? name.substr(alias.size()) : name;
}

}  // namespace

std::optional<Hook> hook_of(std::string_view name) {
    const auto* found = std::ranges::find_if(hooks, [&](const Hook& each) { return name.starts_with(each.prefix); });
    return found == std::end(hooks) ? std::nullopt : std::optional(*found);
}

bool is_indirect_thunk(std::string_view name) {
    name = without_alias(name);
    return name.starts_with("__x86_indirect_") || name.starts_with("__llvm_retpoline_");
}

bool is_static_call(std::string_view name) { return name.starts_with("__SCT__"); }

bool is_return_thunk(std::string_view name) { return without_alias(name) == "__x86_return_thunk"; }

bool is_thunk_section(std::string_view name) { return name.starts_with(".text..__x86."); }

}  // namespace gatecrash::check
