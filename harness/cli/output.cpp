#include "cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/machine_choice.hpp"
#include "cli/version.hpp"
#include "report/html_report.hpp"
#include "report/json_report.hpp"
#include "report/junit_report.hpp"

namespace gatecrash::cli {
namespace {

/// Flushes each text, so that a reader sees a result at once, even through a pipe, and before any later message.
void print_at_once(std::FILE* stream, const std::string& text) {
    fmt::print(stream, "{}", text);
    (void)std::fflush(stream);
}

std::vector<report::KtapReport::Test> to_plan(const std::vector<Task>& tasks) {
    std::vector<report::KtapReport::Test> plan;
    plan.reserve(tasks.size());
    for (const auto& task : tasks) {
        const auto& [of, variant, owner] = task.selection;
        const bool is_file = variant == nullptr;
        plan.push_back({is_file ? task.name : of->name, is_file ? "" : variant->name});
    }
    return plan;
}

}  // namespace

std::string path_inside(std::string_view option) { return fmt::format("/tmp/gatecrash-document{}", option); }

Documents::Documents(std::string_view command, const std::vector<Destination>& destinations) {
    const bool is_inside = !emulated_machine().empty();
    for (const auto& [option, path] : destinations) {
        if (option == "--ktap") continue;
        try {
            documents_.push_back({option, report::OutputFile(is_inside && path != "-" ? path_inside(option) : path)});
        } catch (const report::OutputPathError& error) {
            throw UsageError(fmt::format("{}: {}", option, error.what()), std::string(command));
        }
    }
}

Documents::Documents(const Sweeping& sweeping)
    : Documents(sweeping.command, destinations_of(sweeping.options.common, sweeping.options.reports)) {
    if (!sweeping.options.limits.shard.is_whole()) work_ = {sweeping.deciding, sweeping.tasks.size()};
    work_.missing = sweeping.missing;
}

void Documents::write(const report::MachineDescription& machine, std::span<const suite::Result> results) {
    if (find("--junit") != nullptr) write("--junit", report::junit_report(version, machine, results));
    if (find("--json") != nullptr || find("--html") != nullptr)
        write_results(report::json_report(version, machine, results, work_));
}

void Documents::write_results(const std::string& document) {
    write("--json", document);
    if (find("--html") != nullptr) write("--html", report::html_report(document));
}

Documents::Document* Documents::find(std::string_view option) {
    const auto asked = std::ranges::find(documents_, option, &Document::option);
    return asked == documents_.end() ? nullptr : &*asked;
}

void Documents::write(std::string_view option, const std::string& content) {
    if (auto* const document = find(option)) document->file.write(content);
}

TextOutput::TextOutput(const std::vector<Destination>& destinations, bool quiet)
    : stream_(!takes_standard_output(destinations) ? stdout
              : quiet                              ? nullptr
                                                   : stderr) {}

void TextOutput::print(const std::string& text) {
    if (stream_ != nullptr) print_at_once(stream_, text);
}

bool TextOutput::is_terminal() const { return stream_ != nullptr && ::isatty(::fileno(stream_)) == 1; }

bool TextOutput::takes_color() const {
    const char *const no_color = std::getenv("NO_COLOR"), *const terminal = std::getenv("TERM");
    const bool is_refused = no_color != nullptr && *no_color != '\0';
    const bool is_dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    return is_terminal() && !is_refused && !is_dumb;
}

KtapOutput::KtapOutput(const Sweeping& sweeping) {
    if (!sweeping.options.reports.ktap) return;
    report_.emplace(to_plan(sweeping.tasks));
    print_at_once(stdout, report_->begin());
}

void KtapOutput::add(const suite::Result& result) {
    if (report_) print_at_once(stdout, report_->add(result));
}

void KtapOutput::end(const std::string& reason) {
    if (report_) print_at_once(stdout, report_->end(reason));
}

}  // namespace gatecrash::cli
