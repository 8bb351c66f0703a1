#include <fmt/format.h>
#include <fmt/ranges.h>

#include <system_error>

#include "commands.hpp"
#include "gatecrash/emulator/file.hpp"
#include "gatecrash/report/shard_document.hpp"
#include "report_results.hpp"
#include "sweeping.hpp"
#include "version.hpp"

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
        return {name, report::read_shard_document(emulator::read_file(name))};
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
std::vector<ShardFile> in_order(std::vector<ShardFile> files) {
    const auto count = files.front().document.shard.count;
    std::vector<const ShardFile*> shards(count);
    for (const auto& file : files) {
        auto& shard = shards[file.document.shard.index - 1];
        if (shard != nullptr) {
            refuse(file.name, fmt::format("shard {} again, which {} is", to_string(file.document.shard), shard->name));
        }
        shard = &file;
    }
    std::vector<ShardFile> ordered;
    std::vector<std::string> missing;
    for (unsigned i = 0; i < count; ++i) {
        if (shards[i] == nullptr) {
            missing.push_back(to_string(explore::Shard{i + 1, count}));
        } else {
            ordered.push_back(*shards[i]);
        }
    }
    if (!missing.empty()) {
        throw UsageError(fmt::format("{} {} missing: {}", missing.size() == 1 ? "a shard" : "shards",
                                     missing.size() == 1 ? "is" : "are", fmt::join(missing, ", ")),
                         "merge");
    }
    return ordered;
}

/// A variant's results, one a shard.
std::vector<explore::Result> results_of(const Options& options, const Selection& selection, std::size_t at,
                                        const std::vector<ShardFile>& files) {
    const auto blank = blank_result(options, selection);
    std::vector<explore::Result> parts;
    for (const auto& [name, document] : files) {
        if (at >= document.results.size() || document.results[at].sweep.interrupted) {
            refuse(name, fmt::format("it was interrupted: run shard {} again", to_string(document.shard)));
        }
        const auto& part = document.results[at];
        if (part.case_name != blank.case_name || part.variant != blank.variant) {
            refuse(name, fmt::format("it has a result of {}/{} where this program sweeps {}/{}", part.case_name,
                                     part.variant, blank.case_name, blank.variant));
        }
        const auto& first = files.front();
        const bool swept = part.sweep.depth > 0 && first.document.results[at].sweep.depth > 0;
        if (swept && part.sweep.boundaries != first.document.results[at].sweep.boundaries) {
            refuse(name, fmt::format("another guest than in {}", first.name));
        }
        parts.push_back(part);
    }
    return parts;
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
    files = in_order(std::move(files));

    auto whole = options_of(files.front());
    whole.json = options.json;
    whole.junit = options.junit;
    whole.ktap = options.ktap;
    whole.quiet = options.quiet;
    const bool explores = whole.command == Command::explore;
    const auto selections = explores ? std::vector{find_variant(explore::all_cases(), whole.target)}
                                     : select(explore::all_cases(), whole.patterns);
    // All of it, before anything is printed.
    std::vector<explore::Result> results;
    for (std::size_t i = 0; i < selections.size(); ++i) {
        results.push_back(merged(whole, selections[i], results_of(whole, selections[i], i, files)));
    }
    Documents documents(whole);
    const auto& machine = files.front().document.machine;
    const auto next = [at = results.begin()](const Selection&) mutable { return std::optional(*at++); };
    return explores ? report_exploration(whole, selections.front(), documents, machine, next)
                    : report_run(whole, selections, documents, machine, next);
}

}  // namespace gatecrash::cli
