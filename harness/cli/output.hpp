// Directs the output of a command.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "cli/sweeping.hpp"
#include "report/json_report.hpp"
#include "report/ktap_report.hpp"
#include "report/machine_description.hpp"
#include "report/output_file.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {

/// Returns the path of the document of `option` for a program inside an emulated machine. That program cannot reach the
/// user's path, so the program outside fetches the document from here.
[[nodiscard]] std::string path_inside(std::string_view option);

/// The files that --json, --junit, --html and --plot name.
class Documents {
  public:
    struct Document {
        std::string option;
        report::OutputFile file;
    };

    /// Opens the documents of `command`. Throws UsageError for a path that cannot be written, before any work.
    Documents(std::string_view command, const std::vector<Destination>& destinations);
    explicit Documents(const Sweeping& sweeping);

    [[nodiscard]] bool empty() const { return documents_.empty(); }
    [[nodiscard]] std::span<Document> all() { return documents_; }

    /// Writes `results` to --json, --junit and --html. Throws report::OutputWriteError.
    void write(const report::MachineDescription& machine, std::span<const suite::Result> results);
    /// Writes a document of json_report() to --json, and to --html as a page. Throws report::OutputWriteError.
    void write_results(const std::string& document);
    /// Writes `content` to the file of `option`, if the user gave that option. Throws report::OutputWriteError.
    void write(std::string_view option, const std::string& content);

  private:
    /// Returns the document of an option, or null if the user did not give it.
    [[nodiscard]] Document* find(std::string_view option);

    report::ShardedWork work_;  ///< empty unless this is a shard, or a merge that lacks some
    std::vector<Document> documents_;
};

/// Prints text for people. If a report takes standard output, the text goes to standard error, or nowhere with
/// --quiet.
class TextOutput {
  public:
    TextOutput(const std::vector<Destination>& destinations, bool quiet);
    explicit TextOutput(const CommonOptions& options) : TextOutput(destinations_of(options), options.quiet) {}
    explicit TextOutput(const SweepingOptions& options)
        : TextOutput(destinations_of(options.common, options.reports), options.common.quiet) {}
    void print(const std::string& text);
    [[nodiscard]] bool is_terminal() const;
    /// True if the text goes to a terminal whose user has not asked for text without colour (https://no-color.org).
    [[nodiscard]] bool takes_color() const;

  private:
    std::FILE* stream_;
};

/// Writes KTAP to standard output, each result as soon as it is known; nothing if the user did not ask for it. The
/// methods are those of report::KtapReport, whose plan is the tasks.
class KtapOutput {
  public:
    explicit KtapOutput(const Sweeping& sweeping);
    void add(const suite::Result& result);
    void end(const std::string& reason);

  private:
    std::optional<report::KtapReport> report_;
};

}  // namespace gatecrash::cli
