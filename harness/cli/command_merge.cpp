#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "cli/command_explore.hpp"
#include "cli/command_kernel.hpp"
#include "cli/command_linux.hpp"
#include "cli/command_run.hpp"
#include "cli/commands.hpp"
#include "cli/jobs.hpp"
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
        if (command == &kernel_command) return sweeping_of_image(read_values(*command, words));
        if (command == &linux_command) return sweeping_of_kernel_shards(read_values(*command, words), file.document);
    } catch (const UsageError& error) {
        refuse(file.name, error.what());
    }
    refuse(file.name, "it is not a result of `run`, `explore`, `linux` or `kernel`");
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

/// Returns the shards in their order. Refuses files that have a shard twice.
std::vector<ShardFile> in_order(const std::vector<ShardFile>& files) {
    std::map<unsigned, const ShardFile*> shards;
    for (const auto& file : files) {
        const auto [known, is_new] = shards.try_emplace(file.document.shard.index, &file);
        if (!is_new) {
            refuse(file.name,
                   fmt::format("it is shard {} again, like {}", to_string(file.document.shard), known->second->name));
        }
    }
    std::vector<ShardFile> ordered;
    ordered.reserve(shards.size());
    for (const auto& [index, file] : shards) ordered.push_back(*file);
    return ordered;
}

bool is_interrupted(const report::ShardDocument& document) {
    const auto was = [](const report::ShardResult& result) { return result.sweep.interrupted; };
    return document.results.size() < document.sweeps || std::ranges::any_of(document.results, was);
}

/// Returns a command line that makes the document `path` of `shard`, from the words that decide what is swept.
std::string command_of(const report::ShardDocument& document, sweep::Shard shard, const std::string& path) {
    const auto& deciding = document.command;
    const Words own{"--machine", document.machine.name, "--shard", to_string(shard), "--json", path};
    Words words{"gatecrash", deciding.front()};
    words.insert(words.end(), own.begin(), own.end());
    // Every document has this word; the machine decides nothing about what is swept.
    const auto automatic = "--machine=" + name_of(MachineName::automatic);
    std::ranges::copy_if(std::span(deciding).subspan(1), std::back_inserter(words),
                         [&](const auto& word) { return word != automatic; });
    return report::shell_command(words);
}

/// Returns the shards that must run, or run again. The command of a shard without a file names one beside
/// the first file.
std::vector<report::MissingShard> missing_from(const std::vector<ShardFile>& files) {
    const auto& first = files.front();
    const auto count = first.document.shard.count;
    std::vector<report::MissingShard> missing;
    auto next = files.begin();
    for (unsigned i = 1; i <= count; ++i) {
        const sweep::Shard shard{i, count};
        if (next == files.end() || next->document.shard.index != i) {
            const auto name = fmt::format("shard-{}-of-{}.json", i, count);
            const auto path = std::filesystem::path(first.name).replace_filename(name).string();
            missing.push_back({shard, "has no FILE", command_of(first.document, shard, path)});
            continue;
        }
        if (is_interrupted(next->document)) {
            missing.push_back({shard, "was interrupted; add its --resume FILE, if it had one",
                               command_of(next->document, shard, next->name)});
        }
        ++next;
    }
    return missing;
}

/// Returns the results of one task, one for each shard that has begun it.
std::vector<report::ShardResult> results_of(const suite::About& expected, std::size_t at,
                                            const std::vector<ShardFile>& files) {
    std::vector<report::ShardResult> parts;
    for (const auto& [name, document] : files) {
        if (at >= document.results.size()) continue;
        const auto& part = document.results[at];
        if (part.case_name != expected.case_name || part.variant != expected.variant) {
            refuse(name, fmt::format("it has a result of {}/{}, but this program sweeps {}/{} there", part.case_name,
                                     part.variant, expected.case_name, expected.variant));
        }
        const auto& first = parts.empty() ? part : parts.front();
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

/// Refuses `parts`, the shards of `task` that `first` begins, if it is a file that has changed since they ran, or whose
/// expectations have. The command in the documents says all about other tasks.
void check_expectations(const Task& task, const std::vector<report::ShardResult>& parts, const ShardFile& first) {
    const auto* guest = std::get_if<worker::GuestFile>(&task.sweep.guest);
    if (!task.is_judged || guest == nullptr || parts.empty()) return;
    // A guest that ended in an error has no digest.
    const auto& digest = parts.front().guest;
    if (digest.empty() || digest == machines::Digest().add(worker::content_of(task.sweep)).text()) return;
    refuse(first.name, fmt::format("{} or {} has changed since: run all shards again", guest->path,
                                   suite::expectation_file_of(guest->path)));
}

/// Combines `parts`, the results of the shards of a task that have begun it; there are `count` shards. Its seconds are
/// their sum.
suite::Result merged(const Task& task, const suite::About& about, const std::vector<report::ShardResult>& parts,
                     unsigned count) {
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
    auto sweep = sweep::merge(sweeps, task.sweep.max_findings.value_or(0));
    const auto ended = std::ranges::count(sweeps, false, &sweep::SweepResult::interrupted);
    auto result = sweeps.size() == count && !sweep.interrupted
                      ? result_of(about, std::move(sweep))
                      : partial_result_of(about, std::move(sweep),
                                          fmt::format("partial: {} of {} shards have ended this sweep", ended, count));
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

/// Returns the documents of shards, in order. Refuses files that are not parts of one sweep.
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
    if (const auto count = files.front().document.shard.count; count > max_shards) {
        refuse(files.front().name, fmt::format("a sweep has at most {} shards, not {}", max_shards, count));
    }
    return in_order(files);
}

int merge(const MergeOptions& options) {
    const auto files = read_shards(options.files);
    const auto& machine = files.front().document.machine;
    // An interrupted shard may lack results, and those of `linux` name its sweeps.
    auto whole = sweeping_of(
        *std::ranges::max_element(files, {}, [](const ShardFile& file) { return file.document.results.size(); }));
    whole.options.common = options.common;
    whole.options.reports = options.reports;
    // Combines everything before anything is printed.
    std::vector<suite::Result> results;
    for (std::size_t i = 0; i < whole.tasks.size(); ++i) {
        const auto expected = about(whole.tasks[i], {}, machine.vendor);
        const auto parts = results_of(expected, i, files);
        check_expectations(whole.tasks[i], parts, files.front());
        results.push_back(merged(whole.tasks[i], expected, parts, files.front().document.shard.count));
    }
    // A shard may have been interrupted in a part that the result does not need.
    const auto& first = files.front().document;
    if (files.size() < first.shard.count || results.size() < first.sweeps ||
        std::ranges::any_of(results, &suite::Result::partial)) {
        whole.missing = missing_from(files);
    }
    Documents documents(whole);
    const auto next = [at = results.begin()]() mutable { return std::optional(*at++); };
    const bool is_one_sweep = whole.command == "explore" || whole.command == "kernel";
    const auto report = is_one_sweep ? report_exploration : report_run;
    return report(whole, documents, machine, next);
}

}  // namespace

const Command merge_command{
    .name = "merge",
    .arguments = " FILE...",
    .summary = "combine the results of a sharded `run`, `explore`, `linux` or `kernel`",
    .about =
        "Each FILE is the --json document of one `--shard I/N`. With all N, the report, except for its times,\n"
        "and the exit code are those of the same command without --shard.\n"
        "With fewer, or after a shard was interrupted, the report is partial: it says so, prints the command\n"
        "of each missing shard, and the exit code is 5. It judges only what no other shard can change.\n",
    .examples = "  gatecrash merge 1.json 2.json 3.json --json whole.json\n",
    .add_options = add_reports,
    .prepare = prepare<read_merge, merge>};

}  // namespace gatecrash::cli
