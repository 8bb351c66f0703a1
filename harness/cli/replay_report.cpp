#include "cli/replay_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/story_text.hpp"
#include "cli/version.hpp"
#include "report/exit_code.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
namespace {

/// Says how a schedule ended, and what it breaks.
std::string result_text(const sweep::Schedule& schedule, const sweep::ReplayResult& replayed) {
    auto text =
        fmt::format("{}\n{} after {}\n", to_string(schedule), replayed.ending, report::counted(replayed.steps, "step"));
    for (const auto& violation : replayed.violations) {
        text += fmt::format("breaks {}\n", describe(violation));
    }
    return replayed.violations.empty() ? text + "every invariant holds\n" : text;
}

nlohmann::ordered_json story_json(const sweep::Schedule& schedule, const sweep::ReplayResult& replayed,
                                  const std::vector<std::string>& sentences) {
    auto violations = nlohmann::ordered_json::array();
    for (const auto& [invariant, message] : replayed.violations)
        violations.push_back({{"invariant", to_string(invariant)}, {"message", message}});
    return {{"schedule", to_string(schedule)}, {"story", sentences}, {"violations", violations}};
}

}  // namespace

ReplayReport::ReplayReport(std::string_view name, const ReplayOptions& options, TraceOutput::Sources sources)
    : options_(options),
      documents_(name, destinations_of(options)),
      text_(destinations_of(options), options.common.quiet),
      trace_output_(options.trace, text_, documents_, sources),
      tracing_(options.trace, options.reports.html.has_value(), text_.is_terminal(), trace_output_.print()) {}

void ReplayReport::add(const suite::About& about, const suite::Variant* variant, const sweep::Schedule& schedule,
                       const sweep::ReplayResult& replayed) {
    results_.push_back(suite::replayed(about, schedule, replayed.violations));
    results_.back().trace = tracing_.take();
    const auto now = std::chrono::steady_clock::now();
    results_.back().seconds = std::chrono::duration<double>(now - std::exchange(start_, now)).count();
    const bool is_next = results_.size() > 1;
    if (options_.trace.has_story) {
        const auto story = tracing_.story();
        stories_.push_back(story_json(schedule, replayed, story));
        return text_.print((is_next ? "\n" : "") +
                           story_text(variant, schedule, replayed, story, options_.for_schedules()));
    }
    text_.print((is_next || options_.trace.is_printed() ? "\n" : "") + result_text(schedule, replayed));
}

int ReplayReport::finish(const report::MachineDescription& machine) {
    trace_output_.finish();
    if (options_.trace.has_story) {
        const nlohmann::ordered_json document{{"gatecrash", version}, {"stories", stories_}};
        documents_.write("--json", document.dump(2) + "\n");
        return 0;
    }
    documents_.write(machine, results_);
    if (const auto breaking = std::ranges::count(results_, suite::Verdict::breaks, &suite::Result::verdict)) {
        const auto first = std::ranges::find(results_, suite::Verdict::breaks, &suite::Result::verdict);
        const auto explain =
            report::replay_command(first->sweep.findings.front().schedule, options_.for_schedules(), "explain");
        fmt::print(stderr, "gatecrash: an invariant broke{}; {}`{}` tells the story\n",
                   results_.size() == 1 ? "" : fmt::format(" in {} of {} schedules", breaking, results_.size()),
                   options_.trace.is_wanted ? "" : "--trace shows each step, and ", explain);
    }
    return static_cast<int>(report::exit_code_of(results_));
}

}  // namespace gatecrash::cli
