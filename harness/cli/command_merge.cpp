#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "cli/command_explore.hpp"
#include "cli/command_linux.hpp"
#include "cli/command_run.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/report_results.hpp"
#include "cli/version.hpp"
#include "machines/digest.hpp"
#include "posix/file.hpp"
#include "report/shard_document.hpp"
#include "report/text_report.hpp"
#include "suite/expectation_file.hpp"
#include "worker/job.hpp"

namespace gatecrash::cli {
namespace {

struct ShardFile {
    std::string name;
    report::ShardDocument document;
};

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
    throw UsageError(fmt::format("{}: {}", file, why), "merge");
}

ShardFile read(const std::string& name) {
    try {
        return {name, report::read_shard_document(posix::read_file(name))};
    } catch (const report::ShardDocumentError& error) {
        refuse(name, error.what());
    } catch (const std::system_error& error) {
        refuse(name, error.code().message());
    }
}

/// Returns the work that the shards divide. Sweeps of other work could not be combined with it.
Sweeping sweeping_of(const ShardFile& file) {
    const auto& words = file.document.command;
    try {
        const auto* command = words.empty() ? nullptr : find_command(words.front());
        if (command == &run_command) return sweeping_of(read_run(read_values(*command, words)));
        if (command == &explore_command) return sweeping_of(read_explore(read_values(*command, words)));
        if (command == &linux_command) return sweeping_of_kernel_shards(read_values(*command, words), file.document);
    } catch (const UsageError& error) {
        refuse(file.name, error.what());
    }
    refuse(file.name, "it is not a result of `run`, `explore` or `linux`");
}

void check_alike(const ShardFile& file, const ShardFile& first) {
    const auto check = [&](bool alike, const char* what) {
        if (!alike) refuse(file.name, fmt::format("it does not belong to the same sweep as {}: {}", first.name, what));
    };
    const auto& one = file.document;
    const auto& other = first.document;
    check(one.machine.behaviours == other.machine.behaviours, "their machines behave differently");
    check(one.machine == other.machine, "their machines differ");
    check(one.command == other.command, "their commands or options differ");
    check(one.shard.count == other.shard.count, "their numbers of shards differ");
}

/// Returns the shards in their order. Refuses files unless they have every shard exactly once.
std::vector<ShardFile> in_order(const std::vector<ShardFile>& files) {
    const auto count = files.front().document.shard.count;
    std::map<unsigned, const ShardFile*> shards;
    for (const auto& file : files) {
        const auto [known, is_new] = shards.try_emplace(file.document.shard.index, &file);
        if (!is_new) {
            refuse(file.name,
                   fmt::format("it is shard {} again, like {}", to_string(file.document.shard), known->second->name));
        }
    }
    if (const auto missing = count - shards.size(); missing != 0) {
        constexpr std::size_t most_named = 10;
        std::vector<std::string> names;
        for (unsigned i = 1; names.size() < std::min(missing, most_named); ++i) {
            if (!shards.contains(i)) names.push_back(to_string(sweep::Shard{i, count}));
        }
        throw UsageError(
            fmt::format("{} {} missing: {}{}", missing == 1 ? "a shard" : "shards", missing == 1 ? "is" : "are",
                        fmt::join(names, ", "),
                        missing > most_named ? fmt::format(" and {} more", report::grouped(missing - most_named)) : ""),
            "merge");
    }
    std::vector<ShardFile> ordered;
    ordered.reserve(count);
    for (const auto& [index, file] : shards) ordered.push_back(*file);
    return ordered;
}

/// Returns the results of one task, one for each shard.
std::vector<report::ShardResult> results_of(const suite::About& expected, std::size_t at,
                                            const std::vector<ShardFile>& files) {
    std::vector<report::ShardResult> parts;
    for (const auto& [name, document] : files) {
        if (at >= document.results.size() || document.results.size() < document.sweeps ||
            document.results[at].sweep.interrupted) {
            refuse(name, fmt::format("its sweep was interrupted: run shard {} again", to_string(document.shard)));
        }
        const auto& part = document.results[at];
        if (part.case_name != expected.case_name || part.variant != expected.variant) {
            refuse(name, fmt::format("it has a result of {}/{}, but this program sweeps {}/{} there", part.case_name,
                                     part.variant, expected.case_name, expected.variant));
        }
        const auto& first = files.front().document.results[at];
        const bool swept = part.sweep.depth > 0 && first.sweep.depth > 0;
        if (part.guest != first.guest) {
            refuse(name, fmt::format("its guest, or the sweep of it, differs from that in {}", files.front().name));
        }
        if (swept && part.sweep.boundaries != first.sweep.boundaries) {
            refuse(name, fmt::format("its guest differs from that in {}", files.front().name));
        }
        parts.push_back(part);
    }
    return parts;
}

/// Refuses the shards of `task` if it is a file that has changed since they ran, or whose expectations have. The
/// command in the documents says all about other tasks.
void check_expectations(const Task& task, std::size_t at, const ShardFile& first) {
    const auto* guest = std::get_if<worker::GuestFile>(&task.sweep.guest);
    if (!task.is_judged || guest == nullptr) return;
    // A guest that ended in an error has no digest.
    const auto& digest = first.document.results[at].guest;
    if (digest.empty() || digest == machines::Digest().add(worker::content_of(task.sweep)).text()) return;
    refuse(first.name, fmt::format("{} or {} has changed since: run all shards again", guest->path,
                                   suite::expectation_file_of(guest->path)));
}

/// Combines `parts`, the results of all shards of a task. Its seconds are their sum.
suite::Result merged(const Task& task, const suite::About& about, const std::vector<report::ShardResult>& parts) {
    double seconds = 0;
    sweep::TimeSpent spent{};
    std::vector<sweep::SweepResult> sweeps;
    for (const auto& part : parts) {
        if (part.error) return suite::failed(about, *part.error);
        if (part.skipped) return suite::skipped(about, *part.skipped);
        seconds += part.seconds;
        sweep::add(spent, part.spent);
        sweeps.push_back(part.sweep);
    }
    auto result = result_of(about, sweeps, task.sweep.max_findings);
    result.replay_options = task.replay_options;
    result.seconds = seconds;
    result.spent = spent;
    return result;
}

struct MergeOptions {
    CommonOptions common;
    ReportOptions reports;
    Words files;
};

MergeOptions read_merge(const Values& values) {
    MergeOptions options{.common = read_common(values), .reports = read_reports(values), .files = values.arguments()};
    if (options.files.empty()) values.fail("FILE is missing");
    values.check(destinations_of(options.common, options.reports));
    return options;
}

/// Returns the documents of all shards, in order. Refuses files that are not the parts of one sweep.
std::vector<ShardFile> read_shards(const Words& names) {
    std::vector<ShardFile> files;
    for (const auto& name : names) files.push_back(read(name));
    for (const auto& file : files) {
        if (file.document.version != version) {
            refuse(file.name,
                   fmt::format("it is from gatecrash {}, but this is gatecrash {}", file.document.version, version));
        }
        check_alike(file, files.front());
    }
    return in_order(files);
}

int merge(const MergeOptions& options) {
    const auto files = read_shards(options.files);
    const auto& machine = files.front().document.machine;
    auto whole = sweeping_of(files.front());
    whole.options.common = options.common;
    whole.options.reports = options.reports;
    // Combines everything before anything is printed.
    std::vector<suite::Result> results;
    for (std::size_t i = 0; i < whole.tasks.size(); ++i) {
        const auto expected = about(whole.tasks[i], {}, machine.vendor);
        const auto parts = results_of(expected, i, files);
        check_expectations(whole.tasks[i], i, files.front());
        results.push_back(merged(whole.tasks[i], expected, parts));
    }
    Documents documents(whole);
    const auto next = [at = results.begin()]() mutable { return std::optional(*at++); };
    const auto report = whole.command == "explore" ? report_exploration : report_run;
    return report(whole, documents, machine, next);
}

}  // namespace

const Command merge_command{
    .name = "merge",
    .arguments = " FILE...",
    .summary = "combine the results of a sharded `run`, `explore` or `linux`",
    .about =
        "Each FILE is the --json document of one `--shard I/N`; all N are needed. The report, except for its\n"
        "times, and the exit code are those of the same command without --shard.\n",
    .examples = "  gatecrash merge 1.json 2.json 3.json --json whole.json\n",
    .add_options = add_reports,
    .prepare = prepare<read_merge, merge>};

}  // namespace gatecrash::cli
