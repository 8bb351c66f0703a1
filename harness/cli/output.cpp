#include "cli/output.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/version.hpp"
#include "report/json_report.hpp"
#include "report/junit_report.hpp"

namespace gatecrash::cli {
namespace {

using Format = std::string (*)(const std::string& version, const report::MachineDescription& machine,
                               std::span<const suite::Result> results, const std::vector<std::string>& command);

std::string junit(const std::string& version, const report::MachineDescription& machine,
                  std::span<const suite::Result> results, const std::vector<std::string>& /*command*/) {
    return report::junit_report(version, machine, results);
}

constexpr struct {
    const char* name;
    DocumentOption option;
    Format format;  ///< none: the command has its own
} kinds[] = {{"--json", &Options::json, report::json_report},
             {"--junit", &Options::junit, junit},
             {"--plot", &Options::plot, nullptr}};

/// A reader sees a result when it is there, also through a pipe; and it stays in front of later messages.
void print_at_once(std::FILE* stream, const std::string& text) {
    fmt::print(stream, "{}", text);
    (void)std::fflush(stream);
}

std::vector<report::KtapReport::Test> to_plan(const std::vector<Selection>& selections) {
    std::vector<report::KtapReport::Test> plan;
    plan.reserve(selections.size());
    for (const auto& selection : selections) plan.push_back({selection.of->name, selection.variant->name});
    return plan;
}

}  // namespace

Documents::Documents(const Options& options) {
    if (!options.shard.is_whole()) command_ = deciding_arguments(options);
    for (const auto& kind : kinds) {
        if ((options.*kind.option).empty()) continue;
        try {
            documents_.push_back({kind.option, report::OutputFile(options.*kind.option)});
        } catch (const report::OutputPathError& error) {
            throw UsageError(fmt::format("{}: {}", kind.name, error.what()), name_of(options.command));
        }
    }
}

void Documents::write(const report::MachineDescription& machine, std::span<const suite::Result> results) {
    for (const auto& kind : kinds) {
        const auto asked = std::ranges::find(documents_, kind.option, &Document::option);
        if (asked != documents_.end() && kind.format != nullptr)
            asked->file.write(kind.format(version, machine, results, command_));
    }
}

void Documents::write(DocumentOption option, const std::string& content) {
    const auto asked = std::ranges::find(documents_, option, &Document::option);
    if (asked != documents_.end()) asked->file.write(content);
}

TextOutput::TextOutput(const Options& options)
    : stream_(!takes_standard_output(options) ? stdout
              : options.quiet                 ? nullptr
                                              : stderr) {}

void TextOutput::print(const std::string& text) {
    if (stream_ != nullptr) print_at_once(stream_, text);
}

KtapOutput::KtapOutput(const Options& options, std::vector<report::KtapReport::Test> plan) {
    if (!options.ktap) return;
    report_.emplace(std::move(plan));
    print_at_once(stdout, report_->begin());
}

KtapOutput::KtapOutput(const Options& options, const std::vector<Selection>& selections)
    : KtapOutput(options, to_plan(selections)) {}

KtapOutput::KtapOutput(const Options& options, const std::string& test)
    : KtapOutput(options, std::vector{report::KtapReport::Test{test, ""}}) {}

void KtapOutput::add(const suite::Result& result) {
    if (report_) print_at_once(stdout, report_->add(result));
}

void KtapOutput::end(const std::string& reason) {
    if (report_) print_at_once(stdout, report_->end(reason));
}

}  // namespace gatecrash::cli
