// Results as people read them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// "CASE/VARIANT", or the path of an ELF file.
[[nodiscard]] std::string name_of(const suite::Result& result);

/// Status and verdict: "ok holds", "unexpected breaks I4", "skip", "error".
[[nodiscard]] std::string outcome(const suite::Result& result);

/// One line, with its newline, of `run`: status, name, verdict, counts, and the landings of the finding. Names are
/// padded to `name_width` columns.
[[nodiscard]] std::string result_line(const suite::Result& result, std::size_t name_width);
/// The same without a status, for `explore`, which expects nothing.
[[nodiscard]] std::string sweep_line(const suite::Result& result);

/// The finding with the command that replays it, or why there is no verdict, or why it is not as expected. Empty if
/// there is nothing to add.
[[nodiscard]] std::vector<std::string> detail_lines(const suite::Result& result);
/// The same as indented lines below result_line().
[[nodiscard]] std::string details(const suite::Result& result);

/// The deepest stacks and the deepest nesting of the sweep, as an indented line. Empty if they are not known.
[[nodiscard]] std::string extremes_line(const suite::Result& result);

/// The findings, a line for each cause with its message, indented. Empty if there is only one.
[[nodiscard]] std::string further_findings(const suite::Result& result);

/// "not exhaustive: 12 of 527 boundaries at depth 2".
[[nodiscard]] std::string describe(const sweep::Coverage& coverage);

/// "stopped after 25 findings (--max-findings)".
[[nodiscard]] std::string describe_stop(std::uint64_t findings);

/// One line without a newline for a finding of a sweep that still runs:
/// "nested-nmi/flag-only  found I4 (stack): nmi:entry_nmi+0x1f: MESSAGE".
[[nodiscard]] std::string found_line(const std::string& name, const sweep::Finding& finding);

/// The schedules of the swept depth that break something, those that are alike counted one by one.
[[nodiscard]] std::uint64_t count_breaking(const sweep::SweepResult& sweep);

/// Every result that is not as expected with its finding and how to replay it, every error, and what was skipped and
/// why; then summary_line(). What scrolled by in a long run stands together at its end.
[[nodiscard]] std::string summary(std::span<const suite::Result> results, const MachineDescription& machine,
                                  double seconds);
/// A table of the time that all workers spent in each phase.
[[nodiscard]] std::string time_table(std::span<const suite::Result> results);
/// One line: how many of each status, on which machine. `seconds` of wall-clock time.
[[nodiscard]] std::string summary_line(std::span<const suite::Result> results, const MachineDescription& machine,
                                       double seconds);

/// What to do next, one line; empty if all is as expected.
[[nodiscard]] std::string next_step(std::span<const suite::Result> results);

/// "I4 (stack): the frame at 0xffffffff80062fd8 is overwritten".
[[nodiscard]] std::string headline(const sweep::Finding& finding);
/// Without what stands behind a newline, where an error has its dump.
[[nodiscard]] std::string first_line(const std::string& text);

/// "gatecrash replay 'SCHEDULE'", ready for a shell.
[[nodiscard]] std::string replay_command(const sweep::Schedule& schedule);

/// Says, in one line, which commands show more of a finding: the replay with a trace, and the page of the invariant.
[[nodiscard]] std::string how_to_follow(const sweep::Finding& finding);

/// "name (kvm_amd, AMD EPYC, Linux 6.1.0, emulated)".
[[nodiscard]] std::string describe(const MachineDescription& machine);

/// 1830 as "1 830".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1 schedule", "1 830 schedules".
[[nodiscard]] std::string counted(std::uint64_t number, const std::string& noun);

}  // namespace gatecrash::report
