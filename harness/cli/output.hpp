// Where a command's output goes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "report/ktap_report.hpp"
#include "report/machine_description.hpp"
#include "report/output_file.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {

/// An option that names a file for a document.
using DocumentOption = std::string Options::*;

/// The files of --json and --junit, those that are asked for.
class Documents {
  public:
    struct Document {
        DocumentOption option;
        report::OutputFile file;
    };

    /// A path that cannot be written is a UsageError at once, before any work.
    explicit Documents(const Options& options);

    [[nodiscard]] bool empty() const { return documents_.empty(); }
    [[nodiscard]] std::span<Document> all() { return documents_; }

    /// Writes `results` to each in its format. Throws report::OutputWriteError.
    void write(const report::MachineDescription& machine, std::span<const suite::Result> results);
    /// Writes `content` to that of `option` if it is asked for. Throws report::OutputWriteError.
    void write(DocumentOption option, const std::string& content);

  private:
    std::vector<std::string> command_;  ///< of a shard: what has to be the same in all of them
    std::vector<Document> documents_;
};

/// Text for people: standard output; or standard error, or nowhere if it is to be quiet, where a report has that.
class TextOutput {
  public:
    explicit TextOutput(const Options& options);
    void print(const std::string& text);

  private:
    std::FILE* stream_;
};

/// KTAP on standard output, each result when it is there; nothing if it is not asked for. The methods are those of
/// report::KtapReport, whose plan is `selections`, or one test without variants.
class KtapOutput {
  public:
    KtapOutput(const Options& options, const std::vector<Selection>& selections);
    KtapOutput(const Options& options, const std::string& test);
    void add(const suite::Result& result);
    void end(const std::string& reason);

  private:
    KtapOutput(const Options& options, std::vector<report::KtapReport::Test> plan);

    std::optional<report::KtapReport> report_;
};

}  // namespace gatecrash::cli
