#include "report/text_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace gatecrash::report {
namespace {

constexpr std::size_t status_width = 10;  // width of "unexpected"

std::string verdict_text(const suite::Result& result) {
    auto text = to_string(result.verdict);
    if (result.verdict == suite::Verdict::breaks && !result.sweep.findings.empty()) {
        text += " " + to_string(result.sweep.findings.front().violation.invariant);
    }
    return result.modelled ? text + " (modelled)" : text;
}

/// Returns the part of a schedule after its '@', for a reader who knows the target.
std::string landings_of(const sweep::Schedule& schedule) {
    if (schedule.landings.empty()) return "without any event";
    return to_string(sweep::Schedule{"", schedule.landings}).substr(1);
}

std::string verdict_and_counts(const suite::Result& result) {
    const auto& sweep = result.sweep;
    const bool swept = sweep.schedules != 0;
    auto line = fmt::format("{:<10}", verdict_text(result));
    if (swept) {
        line += fmt::format("  {:>5} boundaries  {:>9} schedules  {:>9} pruned  depth {}  {:>7.1f} s  {}",
                            grouped(sweep.boundaries), grouped(sweep.schedules), grouped(sweep.pruned), sweep.depth,
                            result.seconds, sweep.findings.empty() ? "" : landings_of(sweep.findings.front().schedule));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

std::string indented(const std::string& text) { return std::string(status_width + 2, ' ') + text + "\n"; }

std::vector<std::string> finding_lines(const suite::Result& result) {
    const auto& sweep = result.sweep;
    const auto& finding = sweep.findings.front();
    std::vector lines{headline(finding)};
    std::vector<std::string> remarks;
    if (!finding.also.empty()) {
        std::vector<std::string> also;
        for (const auto invariant : finding.also) also.push_back(describe(invariant));
        remarks.push_back(fmt::format("the same run also breaks {}", fmt::join(also, ", ")));
    }
    if (const auto others = count_breaking(sweep) - 1; others != 0) {
        remarks.push_back(fmt::format("{} {} of {} {} something as well", grouped(others),
                                      others == 1 ? "further schedule" : "further schedules",
                                      counted(sweep.depth, "event"), others == 1 ? "breaks" : "break"));
    }
    if (!remarks.empty()) lines.push_back(fmt::format("({})", fmt::join(remarks, "; ")));
    lines.push_back(replay_command(finding.schedule, result.replay_options));
    return lines;
}

/// Findings with the same invariant and the same events on the same symbols. For a reader, the place in the code makes
/// them one cause. The offset there, and how often it was reached before, are details.
struct Cause {
    const sweep::Finding* first;
    std::vector<std::uint64_t> offsets;  ///< offsets of the last event, in the order of the sweep
    std::uint64_t schedules;
};

std::uint64_t last_offset(const sweep::Finding& finding) {
    const auto& landings = finding.schedule.landings;
    return landings.empty() ? 0 : landings.back().boundary.offset;
}

bool has_cause(const sweep::Finding& finding, const sweep::Finding& first) {
    return finding.violation.invariant == first.violation.invariant &&
           std::ranges::equal(finding.schedule.landings, first.schedule.landings,
                              [](const sweep::Landing& a, const sweep::Landing& b) {
                                  return a.event == b.event && a.boundary.symbol == b.boundary.symbol;
                              });
}

/// "I2 (kernel GS): nmi:entry_irq+0x1, +0x6 (3 schedules)".
std::string describe(const Cause& cause) {
    auto text = fmt::format("{}: {}", describe(cause.first->violation.invariant), landings_of(cause.first->schedule));
    for (const auto offset : cause.offsets) {
        if (offset != cause.offsets.front()) text += fmt::format(", +{:#x}", offset);
    }
    return text + (cause.schedules == 1 ? "" : fmt::format(" ({} schedules)", grouped(cause.schedules)));
}

std::size_t count(std::span<const suite::Result> results, suite::Status status) {
    return static_cast<std::size_t>(
        std::ranges::count_if(results, [&](const auto& result) { return result.status == status; }));
}

}  // namespace

std::string name_of(const suite::Result& result) {
    return result.variant.empty() ? result.case_name : result.case_name + "/" + result.variant;
}

std::string outcome(const suite::Result& result) {
    using suite::Verdict;
    const bool is_known = result.verdict == Verdict::holds || result.verdict == Verdict::breaks;
    return to_string(result.status) + (is_known ? " " + verdict_text(result) : "");
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string headline(const sweep::Finding& finding) { return describe(finding.violation); }

std::string result_line(const suite::Result& result, std::size_t name_width) {
    return fmt::format("{:<{}}  {:<{}}  {}", to_string(result.status), status_width, name_of(result), name_width,
                       verdict_and_counts(result));
}

std::string sweep_line(const suite::Result& result) {
    return fmt::format("{}  {}", name_of(result), verdict_and_counts(result));
}

std::string describe(const sweep::Coverage& coverage) {
    return fmt::format("not exhaustive: {} of {} boundaries at depth {}", grouped(coverage.boundaries),
                       grouped(coverage.of), coverage.depth);
}

std::string describe_stop(std::uint64_t findings) {
    return fmt::format("stopped after {} (--max-findings)", counted(findings, "finding"));
}

std::string found_line(const std::string& name, const sweep::Finding& finding) {
    return fmt::format("{}  found {}: {}: {}", name, describe(finding.violation.invariant),
                       landings_of(finding.schedule), first_line(finding.violation.message));
}

std::vector<std::string> detail_lines(const suite::Result& result) {
    std::vector<std::string> lines;
    if (!result.skip_reason.empty()) lines.push_back("skipped: " + result.skip_reason);
    if (result.skip_reason.empty() && result.sweep.not_exhaustive) {
        lines.push_back(describe(*result.sweep.not_exhaustive));
    }
    if (result.sweep.stopped_after) {
        const bool has_remark = result.status == suite::Status::ok && !result.message.empty();
        lines.push_back(describe_stop(*result.sweep.stopped_after) + (has_remark ? "; " + result.message : ""));
    }
    if (result.status == suite::Status::unexpected) {
        lines.push_back(fmt::format("expected: {}{}{}", result.expect, result.message.empty() ? "" : "; ",
                                    first_line(result.message)));
    } else if (result.status == suite::Status::error) {
        lines.push_back("error: " + first_line(result.message));
    }
    if (result.partial && result.skip_reason.empty()) {
        lines.emplace_back("partial: the missing shards may break more, or with fewer events");
    }
    if (!result.sweep.findings.empty()) std::ranges::move(finding_lines(result), std::back_inserter(lines));
    return lines;
}

std::string details(const suite::Result& result) {
    std::string text;
    for (const auto& line : detail_lines(result)) text += indented(line);
    return text;
}

std::string extremes_line(const suite::Result& result) {
    const auto extremes = extremes_of(result.sweep);
    // After a sweep that stopped early, these would cover only the shorter schedules.
    if (extremes.stack_bytes.empty() || result.sweep.stopped_after) return "";
    std::vector<std::string> stacks;
    for (const auto& [stack, bytes] : extremes.stack_bytes) stacks.push_back(fmt::format("{} {}", stack, bytes));
    std::string nested;
    for (const auto& [vector, bodies] : extremes.bodies_at_once) {
        if (bodies > 1) nested += fmt::format("; {} bodies of vector {} at once", bodies, vector);
    }
    return indented(fmt::format("deepest stacks, in bytes: {}{}", fmt::join(stacks, ", "), nested));
}

std::string further_findings(const suite::Result& result) {
    const auto& findings = result.sweep.findings;
    std::vector<Cause> causes;
    for (const auto& finding : findings) {
        const auto known =
            std::ranges::find_if(causes, [&](const Cause& cause) { return has_cause(finding, *cause.first); });
        if (known == causes.end()) {
            causes.push_back({&finding, {last_offset(finding)}, finding.schedules});
            continue;
        }
        known->schedules += finding.schedules;
        auto& offsets = known->offsets;
        if (std::ranges::find(offsets, last_offset(finding)) == offsets.end()) offsets.push_back(last_offset(finding));
    }
    std::string lines;
    for (const auto& cause : causes) {
        const bool is_told = cause.first == &findings.front();
        if (is_told && cause.schedules == 1) continue;
        lines += indented(describe(cause) + (is_told ? "" : ": " + first_line(cause.first->violation.message)));
    }
    return lines;
}

std::uint64_t count_breaking(const sweep::SweepResult& sweep) {
    std::uint64_t count = 0;
    for (const auto& finding : sweep.findings) count += finding.schedules;
    return count;
}

std::string summary(std::span<const suite::Result> results, const MachineDescription& machine, double seconds) {
    struct {
        suite::Status status;
        std::string_view title;
    } constexpr sections[] = {{suite::Status::error, "Errors"},
                              {suite::Status::finding, "Findings"},
                              {suite::Status::unexpected, "Not as expected"},
                              {suite::Status::skip, "Skipped"}};
    std::string text;
    for (const auto& [status, title] : sections) {
        if (count(results, status) == 0) continue;
        text += fmt::format("{}:\n", title);
        for (const auto& result : results) {
            if (result.status == status) text += fmt::format("  {}\n{}", name_of(result), details(result));
        }
        text += "\n";
    }
    return text + summary_line(results, machine, seconds);
}

std::string summary_line(std::span<const suite::Result> results, const MachineDescription& machine, double seconds) {
    using suite::Status;
    std::uint64_t schedules = 0;
    for (const auto& result : results) schedules += result.sweep.schedules;
    const auto findings = count(results, Status::finding);
    return fmt::format("{}: {} ok, {} unexpected, {}{}, {}; {} in {:.1f} s on {}\n", counted(results.size(), "variant"),
                       count(results, Status::ok), count(results, Status::unexpected),
                       findings == 0 ? "" : counted(findings, "finding") + ", ",
                       fmt::format("{} skipped", count(results, Status::skip)),
                       counted(count(results, Status::error), "error"), counted(schedules, "schedule"), seconds,
                       describe(machine));
}

std::string time_table(std::span<const suite::Result> results) {
    sweep::TimeSpent spent{};
    std::uint64_t schedules = 0;
    double whole = 0;
    for (const auto& result : results) {
        sweep::add(spent, result.spent);
        schedules += result.sweep.schedules;
    }
    for (const auto seconds : spent) whole += seconds;
    if (whole == 0) return "";
    std::string text = "Where the time of all workers went:\n";
    for (std::size_t i = 0; i < spent.size(); ++i) {
        const auto& [name, meaning] = sweep::phase_table.at(i);
        text +=
            fmt::format("  {:<10} {:>9.1f} s  {:>5.1f} %  {}\n", name, spent.at(i), 100 * spent.at(i) / whole, meaning);
    }
    return text + fmt::format("  {:<10} {:>9.1f} s           {} per second and worker\n", "together", whole,
                              counted(static_cast<std::uint64_t>(static_cast<double>(schedules) / whole), "schedule"));
}

std::string next_step(std::span<const suite::Result> results) {
    using suite::Status;
    const auto first = [&](Status status) -> const suite::Result& {
        return *std::ranges::find(results, status, &suite::Result::status);
    };
    if (const auto errors = count(results, Status::error); errors != 0) {
        return fmt::format(
            "{} ended in an error of the host or the harness, shown above: run `gatecrash doctor` to see "
            "what this host can do, and run {} again",
            counted(errors, "variant"), name_of(first(Status::error)));
    }
    if (const auto unexpected = count(results, Status::unexpected); unexpected != 0) {
        const auto& result = first(Status::unexpected);
        if (result.sweep.findings.empty()) {
            return fmt::format("{} not as expected: the lines above say what was expected",
                               unexpected == 1 ? "1 variant is" : grouped(unexpected) + " variants are");
        }
        return fmt::format("{} not as expected: {}",
                           unexpected == 1 ? "1 variant is" : grouped(unexpected) + " variants are",
                           how_to_follow(result));
    }
    if (const auto findings = count(results, Status::finding); findings != 0) {
        return fmt::format("{} an invariant: {}",
                           findings == 1 ? "1 sweep breaks" : grouped(findings) + " sweeps break",
                           how_to_follow(first(Status::finding)));
    }
    if (count(results, Status::ok) == 0) {
        return "nothing ran, because everything was skipped: the reasons are above; `gatecrash doctor` shows which "
               "machine "
               "can do what";
    }
    return "";
}

std::string replay_command(const sweep::Schedule& schedule, const std::vector<std::string>& options,
                           const std::string& command) {
    std::vector<std::string> words{"gatecrash", command};
    words.insert(words.end(), options.begin(), options.end());
    return shell_command(words) + " " + quoted(to_string(schedule));
}

std::string shell_command(const std::vector<std::string>& words) {
    const auto is_plain = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("-=./_").find(static_cast<char>(c)) != std::string_view::npos;
    };
    std::string command;
    for (const auto& word : words) {
        if (!command.empty()) command += ' ';
        command += !word.empty() && std::ranges::all_of(word, is_plain) ? word : quoted(word);
    }
    return command;
}

std::string how_to_follow(const suite::Result& result) {
    const auto& finding = result.sweep.findings.front();
    return fmt::format("`{}` tells how; watch it happen with {} --trace",
                       replay_command(finding.schedule, result.replay_options, "explain"),
                       replay_command(finding.schedule, result.replay_options));
}

std::string describe(const MachineDescription& machine) {
    return fmt::format("{} ({}, {}, Linux {}{})", machine.name, machine.kvm, machine.cpu, machine.kernel,
                       machine.emulated ? ", emulated" : "");
}

std::string grouped(std::uint64_t number) {
    auto text = fmt::format("{}", number);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<std::size_t>(at), 1, ' ');
    }
    return text;
}

std::string counted(std::uint64_t number, const std::string& noun) {
    return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

}  // namespace gatecrash::report
