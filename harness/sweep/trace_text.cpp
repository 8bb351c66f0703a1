#include "sweep/trace_text.hpp"

#include <fmt/format.h>

namespace gatecrash::sweep {

std::string trace_header(const char* base) {
    return fmt::format(
        "# boundary  CPL stack  N: NMIs masked, n: one latched, i: interrupts on, k/u: {} base, K/U: page tables",
        base);
}

std::string to_string(const TraceColumns& columns) {
    const auto flag = [](bool set, char yes, char no) { return set ? yes : no; };
    return fmt::format("{:>5}  {:<28} {} {:<5} {}{}{}{}{}", columns.number, columns.place, columns.cpl, columns.stack,
                       flag(columns.masks_nmis, 'N', '-'), flag(columns.has_latched_nmi, 'n', '-'),
                       flag(columns.has_interrupts_on, 'i', '-'), flag(columns.has_users_base, 'u', 'k'),
                       flag(columns.has_users_tables, 'U', 'K'));
}

std::string with_target(const vm::SymbolTable& symbols, std::string text) {
    const auto at = text.rfind(" 0x");
    const bool is_branch = text.starts_with('j') || text.starts_with("call") || text.starts_with("loop");
    if (!is_branch || at == std::string::npos || text.find('[') != std::string::npos) return text;
    return fmt::format("{} ({})", text, symbols.name_of(vm::Virtual{std::stoull(text.substr(at + 3), nullptr, 16)}));
}

}  // namespace gatecrash::sweep
