#include "sweep/trace_text.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace gatecrash::sweep {
namespace {

std::string left_out(std::size_t lines) {
    return fmt::format("... {} {} left out", lines, lines == 1 ? "line is" : "lines are");
}

}  // namespace

void TraceLines::add(const std::string& line) {
    if (first_.size() < most) return first_.push_back(line);
    last_.push_back(line);
    if (last_.size() <= most) return;
    move_to_middle(std::move(last_.front()));
    last_.pop_front();
}

void TraceLines::move_to_middle(std::string line) {
    // The lines of instructions begin with a number, and labels with spaces.
    const bool happens = !line.empty() && std::string_view(">=!-").find(line.front()) != std::string_view::npos;
    if (!happens || happened_ == most) {
        ++left_out_;
        return;
    }
    if (left_out_ != 0) middle_.push_back(left_out(std::exchange(left_out_, 0)));
    middle_.push_back(std::move(line));
    ++happened_;
}

std::vector<std::string> TraceLines::lines() const {
    auto lines = first_;
    lines.insert(lines.end(), middle_.begin(), middle_.end());
    if (left_out_ != 0) lines.push_back(left_out(left_out_));
    lines.insert(lines.end(), last_.begin(), last_.end());
    return lines;
}

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
