#include "sweep/trace/lines.hpp"

#include <fmt/format.h>

#include <utility>

namespace gatecrash::sweep {

void TraceLines::add(std::string lines, bool happens) {
    if (most_ == 0 || printed_ < most_) {
        ++printed_;
        return print_(lines);
    }
    last_.push_back({std::move(lines), happens});
    if (last_.size() <= most_) return;
    pass(last_.front());
    last_.pop_front();
}

void TraceLines::pass(const Item& item) {
    if (!item.happens || happened_ == most_) {
        ++left_out_;
        return;
    }
    ++happened_;
    say_left_out();
    print_(item.lines);
}

void TraceLines::say_left_out() {
    const auto count = std::exchange(left_out_, 0);
    if (count != 0) print_(fmt::format("... {} {} left out", count, count == 1 ? "step is" : "steps are"));
}

void TraceLines::finish() {
    say_left_out();
    for (const auto& item : std::exchange(last_, {})) print_(item.lines);
    printed_ = happened_ = 0;
}

std::vector<std::string> KeptTrace::take() {
    limited_.finish();
    return std::exchange(lines_, {});
}

void KeptTrace::keep(std::string_view lines) {
    while (true) {
        const auto end = lines.find('\n');
        lines_.emplace_back(lines.substr(0, end));
        if (end == std::string_view::npos) return;
        lines.remove_prefix(end + 1);
    }
}

}  // namespace gatecrash::sweep
