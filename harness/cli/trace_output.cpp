#include "cli/trace_output.hpp"

#include <fmt/format.h>

#include <array>
#include <exception>
#include <utility>

#include "cli/markdown.hpp"

namespace gatecrash::cli {
namespace {

/// How the first characters of a line decide its colour (ECMA-48, SGR).
constexpr std::array colors{
    std::pair{std::string_view(">>> "), "1;33"}, std::pair{std::string_view("=== "), "36"},
    std::pair{std::string_view("*** "), "35"},   std::pair{std::string_view("!!! "), "1;31"},
    std::pair{std::string_view("--- "), "1"},    std::pair{std::string_view("         0x"), "36"}};

std::string colored_line(std::string_view line) {
    for (const auto& [begin, color] : colors) {
        if (line.starts_with(begin)) return fmt::format("\033[{}m{}\033[0m", color, line);
    }
    return std::string(line);
}

}  // namespace

std::optional<kernel::SourceLines> source_lines(const std::vector<std::string>& files) {
    for (const auto& file : files) {
        if (kernel::SourceLines lines(file); !lines.empty()) return lines;
    }
    return std::nullopt;
}

std::string colored(std::string_view lines) {
    std::string text;
    for (const auto line : lines_of(lines)) text += colored_line(line) + "\n";
    return text;
}

TraceOutput::TraceOutput(const TraceOptions& options, TextOutput& text, Documents& documents, Sources sources)
    : has_file_(options.file.has_value()),
      is_colored_(text.takes_color()),
      sources_(sources),
      text_(text),
      documents_(documents),
      source_trace_(std::nullopt, [this](const std::string& lines) { write(lines); }) {}

TraceOutput::~TraceOutput() {
    try {
        finish();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the run has failed for another reason
    }
}

void TraceOutput::show_source_of(const std::vector<std::string>& files) {
    source_trace_ = SourceTrace(source_lines(files), [this](const std::string& lines) { write(lines); });
}

void TraceOutput::add(std::string_view lines) {
    if (sources_ == Sources::left_to_caller) return write(std::string(lines) + "\n");
    source_trace_.add(lines);
}

void TraceOutput::write(const std::string& lines) {
    if (has_file_) {
        content_ += lines;
    } else {
        text_.print(is_colored_ ? colored(lines) : lines);
    }
}

void TraceOutput::finish() {
    if (!content_.empty()) documents_.write("--trace", std::exchange(content_, {}));
}

}  // namespace gatecrash::cli
