#include "output.hpp"

#include <fmt/format.h>

namespace gatecrash::cli {

std::optional<report::OutputFile> open_json(const Options& options) {
    if (options.json.empty()) return std::nullopt;
    try {
        return report::OutputFile(options.json);
    } catch (const report::OutputPathError& error) {
        throw UsageError(fmt::format("--json: {}", error.what()), name_of(options.command));
    }
}

TextOutput::TextOutput(const Options& options)
    : stream_(options.json != "-" ? stdout
              : options.quiet     ? nullptr
                                  : stderr) {}

void TextOutput::print(const std::string& text) {
    if (stream_ == nullptr) return;
    fmt::print(stream_, "{}", text);
    // A result is seen when it is there, also through a pipe; and it stays in front of later messages.
    (void)std::fflush(stream_);
}

}  // namespace gatecrash::cli
