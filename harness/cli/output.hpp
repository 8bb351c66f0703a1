// Where a command's output goes.
#pragma once

#include <optional>
#include <string>

#include "gatecrash/report/output_file.hpp"
#include "options.hpp"

namespace gatecrash::cli {

/// The file of --json. Empty if there is none. A path that cannot be written is a UsageError at once, before any work.
[[nodiscard]] std::optional<report::OutputFile> open_json(const Options& options);

/// Text for people: standard output; or standard error, or nowhere if it is to be quiet, where JSON has that.
class TextOutput {
  public:
    explicit TextOutput(const Options& options);
    void print(const std::string& text);

  private:
    std::FILE* stream_;
};

}  // namespace gatecrash::cli
