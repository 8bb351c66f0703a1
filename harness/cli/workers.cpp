#include "cli/workers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/command_worker.hpp"
#include "cli/inside.hpp"
#include "cli/jobs.hpp"
#include "cli/machine_choice.hpp"
#include "cli/progress.hpp"
#include "cli/version.hpp"
#include "machines/digest.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {

/// Shows the progress of the work on standard error.
class LiveOutput : public worker::Watcher {
  public:
    explicit LiveOutput(const Sweeping& sweeping)
        : sweeping_(sweeping),
          progress_(ProgressDisplay::on_standard_error(sweeping.options.common.quiet)),
          shown_(sweeping.tasks.size()) {}

    void begin(std::size_t sweep) override { progress_.begin(sweeping_.tasks[sweep].name); }
    void end() override { progress_.erase(); }
    void progress(const sweep::Progress& progress) override { progress_.update(progress); }

    void found(std::size_t sweep, const sweep::Finding& finding, const report::MachineDescription& machine) override {
        const auto& task = sweeping_.tasks[sweep];
        const auto most = std::min(worker::most_told, task.sweep.max_findings.value_or(worker::most_told));
        if (sweeping_.options.common.quiet || shown_[sweep] >= most || !shows_findings(task, machine.vendor)) return;
        ++shown_[sweep];
        says(report::found_line(task.name, finding));
    }

    void says(const std::string& line) override {
        progress_.erase();
        fmt::print(stderr, "{}\n", line);
    }

  private:
    const Sweeping& sweeping_;
    ProgressDisplay progress_;
    std::vector<std::uint64_t> shown_;  ///< number of findings shown, for each sweep
};

namespace {

/// Returns the number of workers. `emulated` is the machine that each worker starts; null if all use the one that this
/// process runs on.
unsigned jobs_of(const SweepingOptions& options, const machines::Machine* emulated) {
    if (options.limits.budget) return 1;
    if (options.common.jobs) return *options.common.jobs;
    return std::min(default_jobs_here(emulated), max_jobs(options.limits.shard));
}

/// Returns the machine for a worker. It names a machine, so that no worker chooses again for `automatic`.
const machines::Machine& machine_of(MachineName asked, const std::optional<LocalMachine>& local) {
    if (!local) return emulated_machine_for(asked);
    const auto* const machine = machines::find_machine(local->description.name);
    return machine != nullptr ? *machine : machines::all_machines().front();
}

/// Returns the user's files that a worker reads.
Words files_of(const std::vector<worker::Sweep>& sweeps) {
    std::set<std::string> files;
    for (const auto& sweep : sweeps) {
        if (const auto* file = std::get_if<worker::GuestFile>(&sweep.guest)) files.insert(file->path);
        if (const auto* kernel = std::get_if<worker::KernelWorkload>(&sweep.guest)) files.insert(kernel->saved);
        if (const auto* image = std::get_if<worker::ImageTarget>(&sweep.guest)) files.insert(image->sweep.setup.file);
    }
    return {files.begin(), files.end()};
}

/// True if nobody asks what else the machine does. Sweeps of kernels rely on basic behaviours only. Documents and
/// journals have all of them.
bool needs_only_basics(const Sweeping& sweeping) {
    const auto& [common, reports, limits] = sweeping.options;
    return destinations_of(common, reports).empty() && !limits.resume &&
           std::ranges::all_of(sweeping.tasks, [](const Task& task) {
               return std::holds_alternative<worker::KernelWorkload>(task.sweep.guest);
           });
}

[[noreturn]] void refuse_journal(const Sweeping& sweeping, const worker::JournalError& error) {
    throw UsageError(fmt::format("--resume {}: {}; name another file to start again",
                                 sweeping.options.limits.resume.value_or(""), error.what()),
                     sweeping.command);
}

/// Opens the journal if the user asked for one, and reads into `journal` the state from which the work resumes.
worker::JournalFile open_journal(const Sweeping& sweeping, worker::Journal& journal) {
    const auto& name = sweeping.options.limits.resume;
    if (!name) return {};
    try {
        journal = worker::resume(*name, journal, sweeping.options.common.jobs);
        return worker::JournalFile(*name);
    } catch (const worker::JournalError& error) {
        refuse_journal(sweeping, error);
    } catch (const report::OutputPathError& error) {
        throw UsageError(fmt::format("--resume: {}", error.what()), sweeping.command);
    }
}

/// Returns the failure as a result. If there is only one task, as for `explore`, throws it instead: there is no other
/// result.
suite::Result failure(const Sweeping& sweeping, const Task& task, const suite::About& about,
                      const worker::Failed& failed) {
    if (!task.is_judged && sweeping.tasks.size() == 1) {
        if (failed.is_input) throw vm::ImageError(failed.message);
        throw std::runtime_error(failed.message);
    }
    fmt::print(stderr, "gatecrash: {}: {}\n", task.name, failed.message);
    return suite::failed(about, failed.message);
}

}  // namespace

Workers::Workers(const Sweeping& sweeping) : sweeping_(sweeping), live_(std::make_unique<LiveOutput>(sweeping)) {
    const auto& options = sweeping.options;
    machines::Digest all;
    worker::Assignment assignment{
        .sweeps = {}, .shard = options.limits.shard, .command = {}, .with_details = options.reports.html.has_value()};
    for (const auto& task : sweeping.tasks) {
        const auto content = worker::content_of(task.sweep);
        guests_.push_back(machines::Digest().add(content).text());
        all.add(content);
        assignment.sweeps.push_back(task.sweep);
    }
    const auto local = choose_machine(options.common.machine, false);
    const auto& machine = machine_of(options.common.machine, local);
    assignment.command = worker_words(machine, files_of(assignment.sweeps), needs_only_basics(sweeping));
    // Work can be resumed only if all of these are the same.
    worker::Journal journal{version, sweeping.deciding, all.text(), {}, {}};
    journal.command.push_back(to_string(options.limits.shard));
    // A page shows traces, which a sweep without one does not keep.
    if (options.reports.html) journal.command.emplace_back("--html");
    auto file = open_journal(sweeping, journal);
    if (journal.workers.empty()) journal.workers.resize(jobs_of(options, local ? nullptr : &machine));
    work_ = std::make_unique<worker::SharedWork>(std::move(assignment), std::move(journal), std::move(file), *live_);
}

Workers::~Workers() = default;

std::optional<suite::Result> Workers::next() {
    const auto index = next_++;
    const auto& task = sweeping_.tasks[index];
    std::optional<worker::Outcome> outcome;
    try {
        outcome = work_->next();
    } catch (const worker::JournalError& error) {
        refuse_journal(sweeping_, error);
    }
    if (!outcome) return std::nullopt;
    auto about = cli::about(task, sweeping_.options.limits.shard, machine().vendor);
    if (const auto* failed = std::get_if<worker::Failed>(&*outcome)) return failure(sweeping_, task, about, *failed);
    about.guest = guests_[index];
    if (const auto* skipped = std::get_if<worker::Skipped>(&*outcome)) return suite::skipped(about, skipped->reason);
    const auto& swept = std::get<worker::SweptShards>(*outcome);
    auto result = result_of(about, sweep::merge(swept.shards, task.sweep.max_findings.value_or(0)));
    result.seconds = swept.seconds;
    result.spent = swept.spent;
    result.replay_options = task.replay_options;
    return result;
}

const report::MachineDescription& Workers::machine() const { return work_->machine(); }

}  // namespace gatecrash::cli
