#include "cli/workers.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "cases/registry.hpp"
#include "cli/cpu_limit.hpp"
#include "cli/inside.hpp"
#include "cli/interrupt.hpp"
#include "cli/line_reader.hpp"
#include "cli/machine_choice.hpp"
#include "cli/machine_facts.hpp"
#include "cli/progress.hpp"
#include "cli/sweeping.hpp"
#include "cli/version.hpp"
#include "machines/digest.hpp"
#include "machines/file.hpp"
#include "machines/process.hpp"
#include "report/output_file.hpp"
#include "report/text_report.hpp"
#include "report/work.hpp"
#include "suite/expectation_file.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_pause{50}, file_pause{250};

/// Workers that start without knowing the number of boundaries. Nearly all guests have at least as many blocks.
constexpr std::size_t started_at_once = 4;

struct Pipe {
    machines::Fd read, write;
};

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) machines::throw_errno("pipe2");
    return {machines::Fd(ends[0]), machines::Fd(ends[1])};
}

/// A worker takes five descriptors of this process, and the limit often is 1024 until one asks for more.
void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// The guest of a selection, as bytes, for a digest.
std::string content_of(const Options& options, const Selection& selection) {
    if (selection.variant == nullptr) return machines::read_file(options.target);
    if (!selection.of->file.empty()) return machines::read_file(selection.of->file);
    const auto bytes = cases::guest_of(selection.of->name, selection.variant->name);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

unsigned jobs_of(const Options& options, bool have_emulators) {
    if (options.budget != 0) return 1;
    if (options.jobs) return *options.jobs;
    const auto free_memory = have_emulators ? available_memory() : std::nullopt;
    auto cpus = cpus_of_process();
    if (cpus == 0) cpus = std::thread::hardware_concurrency();
    return std::min(default_jobs(std::min(cpus, cpu_quota().value_or(cpus)), free_memory), max_jobs(options));
}

}  // namespace

/// A worker and the near ends of its three streams. Killed if it is still there at the end of its scope.
class WorkerProcess {
  public:
    explicit WorkerProcess(const std::vector<std::string>& arguments) {
        auto in = make_pipe(), out = make_pipe(), err = make_pipe();
        child_.emplace(
            "/proc/self/exe", arguments,
            std::vector<machines::HandedFd>{
                {STDIN_FILENO, in.read.get()}, {STDOUT_FILENO, out.write.get()}, {STDERR_FILENO, err.write.get()}});
        in_ = std::move(in.write);
        out_ = std::move(out.read);
        err_ = std::move(err.read);
    }

    [[nodiscard]] int out() const { return out_.get(); }
    [[nodiscard]] int err() const { return err_.get(); }
    void signal(int number) const { child_->signal(number); }
    void tell(const std::string& line) const {
        try {
            machines::write_all(in_.get(), line + "\n");
        } catch (const std::system_error&) {  // it ended, which is seen where it is waited for
        }
    }
    /// Waits for its end, and returns its exit code.
    int wait() { return child_->finish().code; }

  private:
    std::optional<machines::ChildProcess> child_;
    machines::Fd in_, out_, err_;
};

class Workers::Work {
  public:
    Work(const Options& options, std::vector<Selection> selections)
        : options_(options),
          selections_(std::move(selections)),
          progress_(ProgressDisplay::on_standard_error(options.quiet)) {
        machines::Digest all;
        for (const auto& selection : selections_) {
            const auto content = content_of(options, selection);
            guests_.push_back(machines::Digest().add(content).text());
            all.add(content);
        }
        const auto local = choose_machine(options.machine, false);
        machine_name_ = local ? name_of_machine(local->description.name) : emulated_machine_for(options);
        journal_ = {version, command(), all.text(), {}, {}};
        if (!options.resume.empty()) open_journal();
        if (journal_.workers.empty()) journal_.workers.resize(jobs_of(options, !local));
        expected_machine_ = journal_.machine;
        states_.resize(journal_.workers.size());
        found_.resize(selections_.size());
        take_findings_of_journal();
        if (!is_done()) start();
    }

    std::optional<suite::Result> next() {
        const auto index = next_++;
        const auto name = target_name(selections_[index]);
        progress_.begin(name);
        while (!has_ended(index) && wait_for_more(index)) show_progress(index);
        progress_.erase();
        // Behind the last one they end by themselves.
        while (next_ == selections_.size() && wait_for_more(index)) continue;
        save();
        return result_of(index, name);
    }

    [[nodiscard]] const report::MachineDescription& machine() const { return journal_.machine; }

  private:
    /// Beside what its part of the journal has.
    struct State {
        std::unique_ptr<WorkerProcess> child;
        bool is_started = false;  ///< true even after it ended
        Clock::time_point started{}, ready{}, ended{};
        std::optional<LineReader> out, err;
        std::string told;  ///< its standard error
        std::optional<sweep::Progress> progress;
        std::size_t stopped = 0;  ///< sweeps below this one need not be stopped
        bool is_interrupted = false;
        std::optional<report::Ending> unfinished;  ///< the sweep in which it was interrupted
    };

    /// The findings of one sweep, by all workers.
    struct FoundSoFar {
        std::vector<sweep::Finding> known;
        std::uint64_t shown = 0;
    };

    static MachineName name_of_machine(const std::string& name) {
        for (const auto machine : {MachineName::amd, MachineName::intel}) {
            if (name_of(machine) == name) return machine;
        }
        return MachineName::host;
    }

    [[nodiscard]] std::string target_name(const Selection& selection) const {
        return selection.variant == nullptr ? options_.target : selection.name();
    }

    /// What has to be the same when work goes on.
    [[nodiscard]] std::vector<std::string> command() const {
        auto words = deciding_arguments(options_);
        words.push_back(to_string(options_.shard));
        return words;
    }

    [[nodiscard]] bool is_done() const {
        return std::ranges::all_of(journal_.workers,
                                   [&](const auto& worker) { return worker.done.size() >= selections_.size(); });
    }

    void open_journal() {
        const auto& name = options_.resume;
        const auto refuse = [&](const std::string& why) {
            throw UsageError(fmt::format("--resume {}: {}; name another file to begin anew", name, why),
                             name_of(options_.command));
        };
        try {
            std::error_code error;
            if (const auto size = std::filesystem::file_size(name, error); !error && size != 0) {
                const auto mine = journal_;
                journal_ = report::read_journal(machines::read_file(name));
                if (journal_.version != mine.version) refuse("it is of gatecrash " + journal_.version);
                if (journal_.command != mine.command) refuse("it is of another command or other options");
                if (journal_.guests != mine.guests) refuse("it is of other guests, built since then perhaps");
                if (options_.jobs && *options_.jobs != journal_.workers.size()) {
                    refuse(fmt::format("it has the work of --jobs {}", journal_.workers.size()));
                }
            }
            journal_file_.emplace(name);
        } catch (const report::WorkError& error) {
            refuse(error.what());
        } catch (const std::system_error& error) {
            refuse(error.code().message());
        } catch (const report::OutputPathError& error) {
            throw UsageError(fmt::format("--resume: {}", error.what()), name_of(options_.command));
        }
    }

    /// Starts the first few workers. The others wait for the number of boundaries, since they may have nothing to do.
    /// Resumed work starts all of them.
    void start() {
        raise_descriptor_limit();
        const bool goes_on = !journal_.machine.name.empty();
        some_wait_ = !goes_on && states_.size() > started_at_once;
        const auto count = some_wait_ ? started_at_once : states_.size();
        for (std::size_t i = 0; i < count; ++i) start(i);
    }

    /// The user's files that a worker reads: guests, and what is expected of them.
    [[nodiscard]] std::set<std::string> files_to_carry() const {
        std::set<std::string> files;
        for (const auto& selection : selections_) {
            if (selection.variant == nullptr) {
                files.insert(options_.target);
            } else if (!selection.of->file.empty()) {
                files.insert({selection.of->file, suite::expectation_file_of(selection.of->file)});
            }
        }
        return files;
    }

    void start(std::size_t worker) {
        auto& state = states_[worker];
        std::vector<std::string> arguments{"worker", "--machine", cli::name_of(machine_name_)};
        for (const auto& file : files_to_carry()) arguments.push_back(file);
        // A write to a worker that ended must not kill this process. Workers keep the default.
        (void)std::signal(SIGPIPE, SIG_DFL);
        state.started = state.ready = Clock::now();
        state.child = std::make_unique<WorkerProcess>(arguments);
        (void)std::signal(SIGPIPE, SIG_IGN);
        state.out.emplace(state.child->out());
        state.err.emplace(state.child->err());
        auto own = options_;
        own.shard = shard_of(worker);
        own.json.clear();
        own.junit.clear();
        own.resume.clear();
        own.ktap = false;
        own.jobs.reset();
        const auto& part = journal_.workers[worker];
        const bool counts = worker == 0 && some_wait_;
        state.child->tell(
            to_line(report::Job{to_arguments(own), part.done.size(), part.at, journal_file_.has_value(), counts}));
        state.is_started = true;
    }

    /// Returns the part of `worker` in this process's own shard.
    [[nodiscard]] sweep::Shard shard_of(std::size_t worker) const {
        const auto count = static_cast<unsigned>(states_.size());
        const auto index = static_cast<unsigned>(worker);
        return {options_.shard.index + options_.shard.count * index, options_.shard.count * count};
    }

    /// Starts each waiting worker whose shard has a block of the sweep with number `index`, which has so many
    /// `boundaries`. For the other waiting workers that sweep is done.
    void start_needed(std::size_t index, std::uint64_t boundaries) {
        for (std::size_t i = 0; i < states_.size(); ++i) {
            auto& done = journal_.workers[i].done;
            if (states_[i].is_started || done.size() != index) continue;
            if (!shard_of(i).has_any_of(boundaries)) {
                sweep::SweepResult nothing;
                nothing.shard = shard_of(i);
                nothing.levels.emplace_back();
                done.emplace_back(report::Swept{nothing, 0});
            } else if (!InterruptGuard::stop()) {
                start(i);
            }
        }
    }

    [[nodiscard]] bool has_ended(std::size_t index) const {
        return std::ranges::all_of(journal_.workers, [&](const auto& worker) { return worker.done.size() > index; });
    }

    /// Takes what workers tell, waiting a little for something. False if none will tell any more.
    bool wait_for_more(std::size_t index) {
        std::vector<pollfd> entries;
        std::vector<std::size_t> owners;
        for (std::size_t i = 0; i < states_.size(); ++i) {
            if (!states_[i].child) continue;
            entries.push_back({states_[i].child->out(), POLLIN, 0});
            entries.push_back({states_[i].child->err(), POLLIN, 0});
            owners.push_back(i);
        }
        if (entries.empty()) return false;
        pass_signal_on();
        (void)::poll(entries.data(), entries.size(), static_cast<int>(look_pause.count()));
        for (std::size_t k = 0; k < owners.size(); ++k) {
            if (entries[2 * k + 1].revents != 0) read_errors(owners[k]);
            if (entries[2 * k].revents != 0) read_messages(owners[k], index);
        }
        if (is_unsaved_ && Clock::now() - saved_ >= file_pause) save();
        return true;
    }

    void pass_signal_on() {
        if (!InterruptGuard::stop() || is_signal_passed_) return;
        is_signal_passed_ = true;
        for (const auto& state : states_) {
            if (state.child) state.child->signal(InterruptGuard::signal_number());
        }
    }

    /// What the first one has to say (that a machine is being made, say) others would only repeat.
    void read_errors(std::size_t worker) {
        auto& state = states_[worker];
        if (!state.err->read_some()) return;
        while (const auto line = state.err->next()) {
            state.told += *line + "\n";
            if (worker != 0) continue;
            progress_.erase();
            fmt::print(stderr, "{}\n", *line);
        }
    }

    void read_messages(std::size_t worker, std::size_t index) {
        auto& state = states_[worker];
        const bool more = state.out->read_some();
        while (const auto line = state.out->next()) {
            try {
                std::visit([&](const auto& message) { take(worker, message); }, report::read_message(*line));
            } catch (const report::WorkError& error) {
                throw WorkerError(error.what(), error_code, fmt::format("gatecrash: {}\n", error.what()));
            }
        }
        stop_needless(index);
        if (more) return;
        while (state.err->read_some()) {
        }
        read_errors(worker);
        const int code = state.child->wait();
        state.child.reset();
        state.ended = Clock::now();
        const bool is_over = journal_.workers[worker].done.size() >= selections_.size();
        if (is_over || InterruptGuard::stop()) return;
        fail(worker, code);
    }

    [[noreturn]] void fail(std::size_t worker, int code) {
        const auto& told = states_[worker].told;
        auto unseen = worker == 0 ? "" : told;
        constexpr std::string_view prefix = "gatecrash: ";
        const auto at = told.rfind(prefix);
        const auto line = at == std::string::npos ? "" : told.substr(at + prefix.size());
        auto what = line.substr(0, line.find('\n'));
        // What a signal ended could not say so.
        if (what.empty() || code > 128) {
            what = code == 128 + SIGKILL ? "a worker was killed, perhaps for want of memory: fewer take less (--jobs)"
                                         : fmt::format("a worker ended with {}", code);
            unseen += fmt::format("{}{}\n", prefix, what);
            code = error_code;
        }
        throw WorkerError(what, code == 0 ? error_code : code, unseen);
    }

    void take(std::size_t worker, const report::MachineDescription& machine) {
        states_[worker].ready = Clock::now();
        if (!expected_machine_.name.empty() && machine != expected_machine_) {
            throw UsageError(fmt::format("--resume {}: it is of another machine ({}, {}, {}) than this one ({}, {}, "
                                         "{}); name another file to begin anew",
                                         options_.resume, expected_machine_.name, expected_machine_.cpu,
                                         expected_machine_.kernel, machine.name, machine.cpu, machine.kernel),
                             name_of(options_.command));
        }
        if (worker == 0 || journal_.machine.name.empty()) journal_.machine = machine;
    }

    void take(std::size_t worker, const sweep::Progress& progress) { states_[worker].progress = progress; }

    void take(std::size_t worker, const report::Counted& counted) {
        if (worker == 0) start_needed(journal_.workers[worker].done.size(), counted.boundaries);
    }

    /// Shows the finding, unless one that is alike or shorter is known: the result lacks this one then.
    void take(std::size_t worker, const report::Found& found) {
        const auto index = journal_.workers[worker].done.size();
        auto& [known, shown] = found_[index];
        const auto& finding = found.finding;
        const auto length = [](const sweep::Finding& each) { return each.schedule.landings.size(); };
        const bool is_needless = std::ranges::any_of(known, [&](const sweep::Finding& other) {
            return length(other) < length(finding) || sweep::are_alike(other, finding);
        });
        known.push_back(finding);
        const auto& selection = selections_[index];
        const auto most = std::min(most_shown, findings_to_tell(options_, selection, journal_.machine.vendor));
        if (is_needless || options_.quiet || shown >= most) return;
        if (!shows_findings(options_, selection, journal_.machine.vendor)) return;
        ++shown;
        progress_.erase();
        fmt::print(stderr, "{}\n", report::found_line(target_name(selection), finding));
    }

    void take(std::size_t worker, const report::Saved& saved) {
        journal_.workers[worker].at = saved;
        is_unsaved_ = true;
    }

    void take(std::size_t worker, const report::Ending& ending) {
        auto& part = journal_.workers[worker];
        auto& state = states_[worker];
        state.progress.reset();
        const auto* swept = std::get_if<report::Swept>(&ending);
        if (swept != nullptr && swept->sweep.interrupted && part.done.size() >= state.stopped) {
            state.unfinished = ending;
            return;
        }
        part.done.push_back(ending);
        part.at.reset();
        is_unsaved_ = true;
        if (worker == 0) start_needed(part.done.size() - 1, 0);  // it ended without a count
    }

    /// Takes over the findings that a resumed journal contains.
    void take_findings_of_journal() {
        const auto take = [&](std::size_t index, const sweep::SweepResult& sweep) {
            if (index >= found_.size()) return;
            std::ranges::copy(sweep.findings, std::back_inserter(found_[index].known));
        };
        for (const auto& worker : journal_.workers) {
            for (std::size_t i = 0; i < worker.done.size(); ++i) {
                if (const auto* swept = std::get_if<report::Swept>(&worker.done[i])) take(i, swept->sweep);
            }
            if (worker.at) take(worker.done.size(), worker.at->checkpoint.result);
        }
    }

    /// Returns the block in which the sweep stops, as far as is known: that block and those before it have enough
    /// findings of `length` events. Empty if there are too few.
    [[nodiscard]] std::optional<std::uint64_t> last_block(std::size_t index, unsigned length) const {
        std::vector<sweep::Finding> findings;
        std::ranges::copy_if(found_[index].known, std::back_inserter(findings),
                             [&](const sweep::Finding& finding) { return finding.schedule.landings.size() == length; });
        return sweep::last_block(findings, findings_to_stop_after(options_));
    }

    /// Stops the workers whose further findings the result would drop: at longer schedules than the shortest that
    /// breaks something, or in blocks after the one in which the sweep stops.
    void stop_needless(std::size_t index) {
        std::optional<unsigned> enough;
        for (const auto& part : journal_.workers) {
            if (part.done.size() <= index) continue;
            const auto* swept = std::get_if<report::Swept>(&part.done[index]);
            if (swept == nullptr || swept->sweep.findings.empty()) continue;
            enough = std::min(enough.value_or(swept->sweep.depth), swept->sweep.depth);
        }
        for (const auto& finding : found_[index].known) {
            const auto length = static_cast<unsigned>(finding.schedule.landings.size());
            enough = std::min(enough.value_or(length), length);
        }
        if (!enough) return;
        const auto last = last_block(index, *enough);
        const auto is_needless = [&](const sweep::Progress& at) {
            return at.level > *enough || (at.level == *enough && last && at.block > *last);
        };
        for (std::size_t i = 0; i < states_.size(); ++i) {
            auto& state = states_[i];
            const bool is_at_it = journal_.workers[i].done.size() == index && state.stopped <= index;
            if (!state.child || !is_at_it || !state.progress || !is_needless(*state.progress)) continue;
            state.stopped = index + 1;
            state.child->tell(std::to_string(index));
        }
    }

    void show_progress(std::size_t index) {
        std::optional<sweep::Progress> all;
        for (std::size_t i = 0; i < states_.size(); ++i) {
            const auto& part = journal_.workers[i];
            sweep::Progress one;
            if (part.done.size() > index) {
                const auto* swept = std::get_if<report::Swept>(&part.done[index]);
                if (swept == nullptr) continue;
                one.schedules = swept->sweep.schedules;
                one.findings = swept->sweep.findings.size();
            } else if (states_[i].progress) {
                one = *states_[i].progress;
            } else {
                continue;
            }
            if (!all) all.emplace();
            // The one that is the furthest stands for where they are: they go side by side.
            if (std::tie(one.level, one.boundary) > std::tie(all->level, all->boundary)) {
                all->level = one.level;
                all->boundary = one.boundary;
                all->boundaries = one.boundaries;
            }
            all->schedules += one.schedules;
            all->findings += one.findings;
        }
        if (all && all->level != 0) progress_.update(*all);
    }

    void save() {
        if (!journal_file_ || !is_unsaved_ || journal_.machine.name.empty()) return;
        journal_file_->write(to_text(journal_));
        is_unsaved_ = false;
        saved_ = Clock::now();
    }

    std::optional<suite::Result> result_of(std::size_t index, const std::string& name) {
        std::vector<sweep::SweepResult> sweeps;
        double seconds = 0;
        sweep::TimeSpent spent{};
        bool is_whole = true;
        for (std::size_t i = 0; i < states_.size(); ++i) {
            const auto& part = journal_.workers[i];
            const auto* ending = part.done.size() > index                             ? &part.done[index]
                                 : part.done.size() == index && states_[i].unfinished ? &*states_[i].unfinished
                                                                                      : nullptr;
            if (ending == nullptr) {
                is_whole = false;
                continue;
            }
            if (const auto* failed = std::get_if<report::Failed>(ending)) return failure(index, name, *failed);
            if (const auto* skip = std::get_if<report::Skipped>(ending)) {
                return suite::skipped(about_sweep(index), skip->reason);
            }
            const auto& swept = std::get<report::Swept>(*ending);
            sweeps.push_back(swept.sweep);
            seconds = std::max(seconds, swept.seconds);
            sweep::add(spent, swept.spent);
        }
        if (sweeps.empty()) return std::nullopt;
        if (!is_whole) sweeps.emplace_back().interrupted = true;
        auto result = cli::result_of(about_sweep(index), sweeps, findings_to_stop_after(options_));
        result.seconds = seconds;
        result.spent = spent;
        add_overhead(index, result.spent);
        return result;
    }

    [[nodiscard]] suite::About about_sweep(std::size_t index) const {
        auto sweep = about(options_, selections_[index], journal_.machine.vendor);
        sweep.guest = guests_[index];
        return sweep;
    }

    /// Adds what belongs to no sweep: machine starts to the first result, and idle workers to the last one.
    void add_overhead(std::size_t index, sweep::TimeSpent& spent) const {
        const auto add = [&](sweep::Phase phase, Clock::duration duration) {
            spent.at(static_cast<std::size_t>(phase)) += std::chrono::duration<double>(duration).count();
        };
        const auto now = Clock::now();
        for (const auto& state : states_) {
            if (!state.is_started) continue;
            if (index == 0) add(sweep::Phase::starting, state.ready - state.started);
            if (index + 1 == selections_.size() && !state.child) add(sweep::Phase::waiting, now - state.ended);
        }
    }

    suite::Result failure(std::size_t index, const std::string& name, const report::Failed& failed) {
        if (options_.command == Command::explore) {
            if (failed.is_input) throw vm::ImageError(failed.message);
            throw std::runtime_error(failed.message);
        }
        fmt::print(stderr, "gatecrash: {}: {}\n", name, failed.message);
        return suite::failed(about(options_, selections_[index], journal_.machine.vendor), failed.message);
    }

    static constexpr int error_code = 3;

    Options options_;
    std::vector<Selection> selections_;
    std::vector<std::string> guests_;  ///< digests
    MachineName machine_name_ = MachineName::automatic;
    report::MachineDescription expected_machine_;  ///< its name is empty if any will do
    ProgressDisplay progress_;
    report::Journal journal_;
    std::optional<report::OutputFile> journal_file_;
    bool is_unsaved_ = false, is_signal_passed_ = false;
    bool some_wait_ = false;  ///< not all workers start at once
    Clock::time_point saved_{};
    std::vector<State> states_;
    std::vector<FoundSoFar> found_;  ///< by sweep
    std::size_t next_ = 0;
};

Workers::Workers(const Options& options, std::vector<Selection> selections)
    : work_(std::make_unique<Work>(options, std::move(selections))) {}
Workers::~Workers() = default;

std::optional<suite::Result> Workers::next() { return work_->next(); }
const report::MachineDescription& Workers::machine() const { return work_->machine(); }

}  // namespace gatecrash::cli
