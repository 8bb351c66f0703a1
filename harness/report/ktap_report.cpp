#include "report/ktap_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/text_report.hpp"

namespace gatecrash::report {
namespace {

using suite::Status;

/// Returns two spaces for a nested test.
std::string indentation(bool nested) { return nested ? "  " : ""; }

/// Replaces control characters, which would end the line.
std::string one_line(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
    return text;
}

/// Replaces '#', which begins a directive.
std::string description(std::string name) {
    std::ranges::replace(name, '#', '_');
    return one_line(std::move(name));
}

std::string header(const std::string& indent, std::size_t tests) {
    return fmt::format("{0}KTAP version 1\n{0}1..{1}\n", indent, tests);
}

std::string directive(const suite::Result& result) {
    if (result.status == Status::skip) return " # SKIP " + one_line(result.skip_reason);
    if (result.status == Status::error) return " # ERROR " + one_line(first_line(result.message));
    return "";
}

bool is_ok(Status status) { return status == Status::ok || status == Status::skip; }

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

/// Says why a test failed and how to see it, for readers of this document alone. For an error, that includes its dump.
std::string diagnostics(const std::string& indent, const suite::Result& result) {
    std::string text = fmt::format("{}# {}\n", indent, one_line(name_of(result)));
    auto lines = result.status == Status::error ? lines_of(result.message) : detail_lines(result);
    for (const auto& line : lines) text += fmt::format("{}# {}\n", indent, one_line(line));
    return text;
}

std::string result_line(const std::string& indent, bool ok, std::size_t number, const std::string& name,
                        const std::string& directive) {
    return fmt::format("{}{} {} {}{}\n", indent, ok ? "ok" : "not ok", number, description(name), directive);
}

}  // namespace

std::size_t KtapReport::count_cases(std::size_t before) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < before; ++i) {
        if (i == 0 || plan_[i].case_name != plan_[i - 1].case_name) ++count;
    }
    return count;
}

bool KtapReport::is_last_of_case() const {
    return at_ == plan_.size() || plan_[at_].case_name != plan_[at_ - 1].case_name;
}

std::string KtapReport::begin() const { return header("", count_cases(plan_.size())); }

std::string KtapReport::add(const suite::Result& result) {
    const auto& test = plan_.at(at_);
    const bool nested = !test.variant.empty();
    const bool ok = is_ok(result.status);
    const auto indent = indentation(nested);
    std::string text;
    if (nested && tally_.tests == 0) {
        text += header(indent, static_cast<std::size_t>(std::ranges::count(plan_, test.case_name, &Test::case_name)));
    }
    ++at_;
    ++tally_.tests;
    if (!ok) {
        ++tally_.failed;
        text += diagnostics(indent, result);
    }
    if (result.status == Status::skip) ++tally_.skipped;
    if (!nested) {
        text += result_line(indent, ok, count_cases(at_), test.case_name, directive(result));
    } else {
        text += result_line(indent, ok, tally_.tests, test.variant, directive(result));
        if (!is_last_of_case()) return text;
        text += result_line("", tally_.failed == 0, count_cases(at_), test.case_name,
                            tally_.skipped == tally_.tests ? " # SKIP every variant was skipped" : "");
    }
    tally_ = {};
    return text;
}

std::string KtapReport::end(const std::string& reason) {
    suite::Result skipped;
    skipped.status = Status::skip;
    skipped.skip_reason = reason;
    std::string text;
    while (at_ < plan_.size()) text += add(skipped);
    return text;
}

}  // namespace gatecrash::report
