#include "cli/source_trace.hpp"

#include <fmt/format.h>

#include <charconv>

#include "cli/markdown.hpp"

namespace gatecrash::cli {
namespace {

constexpr char address_mark = '@';

/// Returns the address in an address_line(), or nothing if `line` is another one.
std::optional<vm::Virtual> address_in(std::string_view line) {
    constexpr std::size_t length = 17;
    std::uint64_t address = 0;
    if (line.size() != length || line.front() != address_mark) return std::nullopt;
    const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), address, 16);
    if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
    return vm::Virtual{address};
}

}  // namespace

std::string address_line(vm::Virtual address) { return fmt::format("{}{:016x}", address_mark, number(address)); }

void SourceTrace::add_line(std::string_view line) {
    const auto address = address_in(line);
    if (!address) return print_(std::string(line) + "\n");
    const auto source = lines_ ? lines_->at(*address) : std::nullopt;
    if (source && *source != shown_) print_(fmt::format("       {}\n", *source));
    if (source) shown_ = *source;
}

void SourceTrace::add(std::string_view text) {
    for (const auto line : lines_of(text)) add_line(line);
}

}  // namespace gatecrash::cli
