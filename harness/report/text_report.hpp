// Writes results for people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// Returns "CASE/VARIANT", or the path of an ELF file.
[[nodiscard]] std::string name_of(const suite::Result& result);

/// Returns status and verdict, such as "ok holds", "unexpected breaks I4", "skip" or "error".
[[nodiscard]] std::string outcome(const suite::Result& result);

/// Returns one line of `run`, with its newline: status, name, verdict, counts, and the landings of the finding. Names
/// are padded to `name_width` columns.
[[nodiscard]] std::string result_line(const suite::Result& result, std::size_t name_width);
/// Returns one line of `explore`. It has no status, because `explore` expects nothing.
[[nodiscard]] std::string sweep_line(const suite::Result& result);

/// Returns the finding with the command that replays it, or the reason for an error, a skip or an unexpected result.
/// Empty if there is nothing to add.
[[nodiscard]] std::vector<std::string> detail_lines(const suite::Result& result);
/// Returns detail_lines() indented, to stand below result_line().
[[nodiscard]] std::string details(const suite::Result& result);

/// Returns an indented line with the deepest stacks and the deepest nesting of the sweep. Empty if they are not known.
[[nodiscard]] std::string extremes_line(const suite::Result& result);

/// Returns an indented line for each cause of findings, with its message. Empty if there is only one.
[[nodiscard]] std::string further_findings(const suite::Result& result);

/// Returns a text such as "not exhaustive: 12 of 527 boundaries at depth 2".
[[nodiscard]] std::string describe(const sweep::Coverage& coverage);

/// Returns a text such as "stopped after 25 findings (--max-findings)".
[[nodiscard]] std::string describe_stop(std::uint64_t findings);

/// One line without a newline for a finding of a sweep that still runs:
/// "nested-nmi/flag-only  found I4 (stack): nmi:entry_nmi+0x1f: MESSAGE".
[[nodiscard]] std::string found_line(const std::string& name, const sweep::Finding& finding);

/// Returns how many schedules of the swept depth break something, each counted by itself even if they are alike.
[[nodiscard]] std::uint64_t count_breaking(const sweep::SweepResult& sweep);

/// Returns what a long run needs to repeat at its end, then summary_line(). That is every result that is not as
/// expected, with its finding and how to replay it, every error, and every skip with its reason.
[[nodiscard]] std::string summary(std::span<const suite::Result> results, const MachineDescription& machine,
                                  double seconds);
/// Returns a table of the time that all workers together spent in each phase.
[[nodiscard]] std::string time_table(std::span<const suite::Result> results);
/// Returns one line that counts the results by status and names the machine. `seconds` is wall-clock time.
[[nodiscard]] std::string summary_line(std::span<const suite::Result> results, const MachineDescription& machine,
                                       double seconds);

/// Says in one line what to do next. Empty if all is as expected.
[[nodiscard]] std::string next_step(std::span<const suite::Result> results);

/// "I4 (stack): the frame at 0xffffffff80062fd8 is overwritten".
[[nodiscard]] std::string headline(const sweep::Finding& finding);
/// Returns the text before the first newline. An error has its dump after that.
[[nodiscard]] std::string first_line(const std::string& text);

/// "gatecrash replay 'SCHEDULE'", ready for a shell; or another command that takes schedules.
[[nodiscard]] std::string replay_command(const sweep::Schedule& schedule, const std::vector<std::string>& options = {},
                                         const std::string& command = "replay");

/// Returns a command line of `words`, each quoted where a shell needs that.
[[nodiscard]] std::string shell_command(const std::vector<std::string>& words);

/// Says, in one line, which commands show more of a finding: the replay with a trace, and the page of the invariant.
[[nodiscard]] std::string how_to_follow(const suite::Result& result);

/// "name (kvm_amd, AMD EPYC, Linux 6.1.0, emulated)".
[[nodiscard]] std::string describe(const MachineDescription& machine);

/// Returns a number in groups of three digits, such as "1 830".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// Returns a number with its noun, such as "1 schedule" or "1 830 schedules".
[[nodiscard]] std::string counted(std::uint64_t number, const std::string& noun);

}  // namespace gatecrash::report
