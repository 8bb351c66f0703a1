#include "cli/source_trace.hpp"

#include <fmt/format.h>

#include "kernel/kernel_trace.hpp"

namespace gatecrash::cli {

void SourceTrace::add(std::string_view line) {
    const auto address = kernel::address_in(line);
    if (!address) return print_(std::string(line) + "\n");
    const auto source = lines_ ? lines_->at(*address) : std::nullopt;
    if (source && *source != shown_) print_(fmt::format("       {}\n", *source));
    if (source) shown_ = *source;
}

void SourceTrace::add_text(std::string_view text) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        add(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

}  // namespace gatecrash::cli
