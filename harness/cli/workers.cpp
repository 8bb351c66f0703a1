#include "cli/workers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "cli/commands.hpp"
#include "cli/cpu_limit.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/machine_facts.hpp"
#include "cli/progress.hpp"
#include "cli/sweeping.hpp"
#include "cli/version.hpp"
#include "machines/digest.hpp"
#include "report/text_report.hpp"
#include "worker/shared_work.hpp"

namespace gatecrash::cli {

/// Shows on standard error how the work goes on.
class LiveOutput : public worker::Watcher {
  public:
    LiveOutput(const Options& options, const std::vector<Selection>& selections)
        : options_(options),
          selections_(selections),
          progress_(ProgressDisplay::on_standard_error(options.quiet)),
          shown_(selections.size()) {}

    void begin(std::size_t sweep) override { progress_.begin(target_name(options_, selections_[sweep])); }
    void end() override { progress_.erase(); }
    void progress(const sweep::Progress& progress) override { progress_.update(progress); }

    void found(std::size_t sweep, const sweep::Finding& finding, const report::MachineDescription& machine) override {
        const auto& selection = selections_[sweep];
        const auto limit = findings_to_stop_after(options_);
        const auto most = limit == 0 ? worker::most_told : std::min(worker::most_told, limit);
        if (options_.quiet || shown_[sweep] >= most || !shows_findings(options_, selection, machine.vendor)) return;
        ++shown_[sweep];
        says(report::found_line(target_name(options_, selection), finding));
    }

    void says(const std::string& line) override {
        progress_.erase();
        fmt::print(stderr, "{}\n", line);
    }

  private:
    const Options& options_;
    const std::vector<Selection>& selections_;
    ProgressDisplay progress_;
    std::vector<std::uint64_t> shown_;  ///< findings, by sweep
};

namespace {

unsigned jobs_of(const Options& options, bool have_emulators) {
    if (options.budget != 0) return 1;
    if (options.jobs) return *options.jobs;
    const auto free_memory = have_emulators ? available_memory() : std::nullopt;
    auto cpus = cpus_of_process();
    if (cpus == 0) cpus = std::thread::hardware_concurrency();
    return std::min(default_jobs(std::min(cpus, cpu_quota().value_or(cpus)), free_memory), max_jobs(options));
}

/// The machine for a worker, which `automatic` may not choose anew.
MachineName machine_of(const Options& options, const std::optional<LocalMachine>& local) {
    if (!local) return emulated_machine_for(options);
    for (const auto machine : {MachineName::amd, MachineName::intel}) {
        if (name_of(machine) == local->description.name) return machine;
    }
    return MachineName::host;
}

/// The user's files that a worker reads.
std::vector<std::string> files_of(const std::vector<worker::Sweep>& sweeps) {
    std::set<std::string> files;
    for (const auto& sweep : sweeps) {
        if (const auto* file = std::get_if<worker::GuestFile>(&sweep.guest)) files.insert(file->path);
    }
    return {files.begin(), files.end()};
}

/// What has to be the same when work goes on.
std::vector<std::string> deciding_words(const Options& options) {
    auto words = deciding_arguments(options);
    words.push_back(to_string(options.shard));
    return words;
}

[[noreturn]] void refuse_journal(const Options& options, const worker::JournalError& error) {
    throw UsageError(fmt::format("--resume {}: {}; name another file to begin anew", options.resume, error.what()),
                     name_of(options.command));
}

/// Opens the journal that `options` name, if they name one, and has it go on with what is in it.
worker::JournalFile open_journal(const Options& options, worker::Journal& journal) {
    if (options.resume.empty()) return {};
    try {
        journal = worker::resume(options.resume, journal, options.jobs);
        return worker::JournalFile(options.resume);
    } catch (const worker::JournalError& error) {
        refuse_journal(options, error);
    } catch (const report::OutputPathError& error) {
        throw UsageError(fmt::format("--resume: {}", error.what()), name_of(options.command));
    }
}

}  // namespace

Workers::Workers(const Options& options, std::vector<Selection> selections)
    : options_(options),
      selections_(std::move(selections)),
      live_(std::make_unique<LiveOutput>(options_, selections_)) {
    machines::Digest all;
    worker::Assignment assignment;
    for (const auto& selection : selections_) {
        assignment.sweeps.push_back(sweep_of(options_, selection));
        const auto content = worker::content_of(assignment.sweeps.back().guest);
        guests_.push_back(machines::Digest().add(content).text());
        all.add(content);
    }
    const auto local = choose_machine(options_.machine, false);
    assignment.shard = options_.shard;
    assignment.command = worker_arguments(machine_of(options_, local), files_of(assignment.sweeps));
    worker::Journal journal{version, deciding_words(options_), all.text(), {}, {}};
    auto file = open_journal(options_, journal);
    if (journal.workers.empty()) journal.workers.resize(jobs_of(options_, !local));
    work_ = std::make_unique<worker::SharedWork>(std::move(assignment), std::move(journal), std::move(file), *live_);
}

Workers::~Workers() = default;

std::optional<suite::Result> Workers::next() {
    const auto index = next_++;
    std::optional<worker::Outcome> outcome;
    try {
        outcome = work_->next();
    } catch (const worker::JournalError& error) {
        refuse_journal(options_, error);
    }
    if (!outcome) return std::nullopt;
    auto about = cli::about(options_, selections_[index], machine().vendor);
    if (const auto* failed = std::get_if<worker::Failed>(&*outcome)) {
        return failure(about, target_name(options_, selections_[index]), *failed);
    }
    about.guest = guests_[index];
    if (const auto* skipped = std::get_if<worker::Skipped>(&*outcome)) return suite::skipped(about, skipped->reason);
    const auto& swept = std::get<worker::SweptShards>(*outcome);
    auto result = result_of(about, swept.shards, findings_to_stop_after(options_));
    result.seconds = swept.seconds;
    result.spent = swept.spent;
    return result;
}

const report::MachineDescription& Workers::machine() const { return work_->machine(); }

/// Whoever explores has no other result.
suite::Result Workers::failure(const suite::About& about, const std::string& name, const worker::Failed& failed) const {
    if (options_.command == Command::explore) {
        if (failed.is_input) throw vm::ImageError(failed.message);
        throw std::runtime_error(failed.message);
    }
    fmt::print(stderr, "gatecrash: {}: {}\n", name, failed.message);
    return suite::failed(about, failed.message);
}

}  // namespace gatecrash::cli
