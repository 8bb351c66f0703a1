#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/report_results.hpp"
#include "cli/sweeping.hpp"
#include "cli/version.hpp"
#include "machines/file.hpp"
#include "report/shard_document.hpp"
#include "report/text_report.hpp"

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
        return {name, report::read_shard_document(machines::read_file(name))};
    } catch (const report::ShardDocumentError& error) {
        refuse(name, error.what());
    } catch (const std::system_error& error) {
        refuse(name, error.code().message());
    }
}

/// What the shards were asked for. Only the whole of one and the same sweep is what the sweep gives.
Options options_of(const ShardFile& file) {
    try {
        auto options = parse_options(file.document.command);
        if (options.command == Command::run || options.command == Command::explore) return options;
    } catch (const UsageError& error) {
        refuse(file.name, error.what());
    }
    refuse(file.name, "it is neither of `run` nor of `explore`");
}

void check_alike(const ShardFile& file, const ShardFile& first) {
    const auto check = [&](bool alike, const char* what) {
        if (!alike) refuse(file.name, fmt::format("{} than in {}", what, first.name));
    };
    const auto& one = file.document;
    const auto& other = first.document;
    check(one.machine.behaviours == other.machine.behaviours, "other behaviours of the machine");
    check(one.machine == other.machine, "another machine");
    check(one.command == other.command, "another command or other options");
    check(one.shard.count == other.shard.count, "another number of shards");
}

/// Every shard once, in their order.
std::vector<ShardFile> in_order(const std::vector<ShardFile>& files) {
    const auto count = files.front().document.shard.count;
    std::map<unsigned, const ShardFile*> shards;
    for (const auto& file : files) {
        const auto [known, is_new] = shards.try_emplace(file.document.shard.index, &file);
        if (!is_new) {
            refuse(file.name,
                   fmt::format("shard {} again, which {} is", to_string(file.document.shard), known->second->name));
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

/// A variant's results, one a shard.
std::vector<report::ShardResult> results_of(const Options& options, const Selection& selection, std::size_t at,
                                            const std::vector<ShardFile>& files) {
    const auto expected = about(options, selection, files.front().document.machine.vendor);
    std::vector<report::ShardResult> parts;
    for (const auto& [name, document] : files) {
        if (at >= document.results.size() || document.results[at].sweep.interrupted) {
            refuse(name, fmt::format("it was interrupted: run shard {} again", to_string(document.shard)));
        }
        const auto& part = document.results[at];
        if (part.case_name != expected.case_name || part.variant != expected.variant) {
            refuse(name, fmt::format("it has a result of {}/{} where this program sweeps {}/{}", part.case_name,
                                     part.variant, expected.case_name, expected.variant));
        }
        const auto& first = files.front().document.results[at];
        const bool swept = part.sweep.depth > 0 && first.sweep.depth > 0;
        if (part.guest != first.guest || (swept && part.sweep.boundaries != first.sweep.boundaries)) {
            refuse(name, fmt::format("another guest than in {}", files.front().name));
        }
        parts.push_back(part);
    }
    return parts;
}

/// The result of which `parts` are the results of all shards. Its seconds are theirs together.
suite::Result merged(const Options& options, const Selection& selection, vm::Vendor vendor,
                     const std::vector<report::ShardResult>& parts) {
    double seconds = 0;
    sweep::TimeSpent spent{};
    std::vector<sweep::SweepResult> sweeps;
    for (const auto& part : parts) {
        if (part.error) return suite::failed(about(options, selection, vendor), *part.error);
        seconds += part.seconds;
        sweep::add(spent, part.spent);
        sweeps.push_back(part.sweep);
    }
    auto result = result_of(about(options, selection, vendor), sweeps, findings_to_stop_after(options));
    result.seconds = seconds;
    result.spent = spent;
    return result;
}

}  // namespace

int merge(const Options& options) {
    std::vector<ShardFile> files;
    for (const auto& name : options.patterns) files.push_back(read(name));
    for (const auto& file : files) {
        if (file.document.version != version) {
            refuse(file.name, fmt::format("of gatecrash {}, and this is {}", file.document.version, version));
        }
        check_alike(file, files.front());
    }
    files = in_order(files);

    auto whole = options_of(files.front());
    whole.json = options.json;
    whole.junit = options.junit;
    whole.ktap = options.ktap;
    whole.quiet = options.quiet;
    const bool explores = whole.command == Command::explore;
    const auto selections = selections_of(whole);
    // All of it, before anything is printed.
    std::vector<suite::Result> results;
    for (std::size_t i = 0; i < selections.size(); ++i) {
        results.push_back(merged(whole, selections[i], files.front().document.machine.vendor,
                                 results_of(whole, selections[i], i, files)));
    }
    Documents documents(whole);
    const auto& machine = files.front().document.machine;
    const auto next = [at = results.begin()](const Selection& /*next*/) mutable { return std::optional(*at++); };
    return explores ? report_exploration(whole, selections.front(), documents, machine, next)
                    : report_run(whole, selections, documents, machine, next);
}

}  // namespace gatecrash::cli
