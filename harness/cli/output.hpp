// Where a command's output goes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "cli/sweeping.hpp"
#include "report/ktap_report.hpp"
#include "report/machine_description.hpp"
#include "report/output_file.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {

/// The path of the document of `option` for a program inside an emulated machine, whatever path it is given: it cannot
/// reach that one, and the program outside takes it from there.
[[nodiscard]] std::string path_inside(std::string_view option);

/// The files of --json, --junit and --plot, those that are asked for.
class Documents {
  public:
    struct Document {
        std::string option;
        report::OutputFile file;
    };

    /// Opens the documents of `command`. A path that cannot be written is a UsageError before any work.
    Documents(std::string_view command, const std::vector<Destination>& destinations);
    explicit Documents(const Sweeping& sweeping);

    [[nodiscard]] bool empty() const { return documents_.empty(); }
    [[nodiscard]] std::span<Document> all() { return documents_; }

    /// Writes `results` to --json and --junit. Throws report::OutputWriteError.
    void write(const report::MachineDescription& machine, std::span<const suite::Result> results);
    /// Writes `content` to that of `option` if it is asked for. Throws report::OutputWriteError.
    void write(std::string_view option, const std::string& content);

  private:
    std::vector<std::string> command_;  ///< of a shard: what has to be the same in all of them
    std::vector<Document> documents_;
};

/// Text for people: standard output; or standard error, or nowhere if it is to be quiet, where a report has that.
class TextOutput {
  public:
    TextOutput(const std::vector<Destination>& destinations, bool quiet);
    explicit TextOutput(const CommonOptions& options) : TextOutput(destinations_of(options), options.quiet) {}
    explicit TextOutput(const SweepingOptions& options)
        : TextOutput(destinations_of(options.common, options.reports), options.common.quiet) {}
    void print(const std::string& text);

  private:
    std::FILE* stream_;
};

/// KTAP on standard output, each result when it is there; nothing if it is not asked for. The methods are those of
/// report::KtapReport, whose plan is the tasks.
class KtapOutput {
  public:
    explicit KtapOutput(const Sweeping& sweeping);
    void add(const suite::Result& result);
    void end(const std::string& reason);

  private:
    std::optional<report::KtapReport> report_;
};

}  // namespace gatecrash::cli
