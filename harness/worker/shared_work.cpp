#include "worker/shared_work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "worker/interrupt.hpp"

namespace gatecrash::worker {
namespace {

/// Number of workers that start before the number of boundaries is known. Nearly all guests have at least as many
/// blocks.
constexpr std::size_t started_at_once = 4;

}  // namespace

SharedWork::SharedWork(Assignment assignment, Journal journal, JournalFile file, Watcher& watcher)
    : assignment_(std::move(assignment)),
      journal_(std::move(journal)),
      file_(std::move(file)),
      watcher_(watcher),
      pool_(assignment_.command),
      expected_machine_(journal_.machine),
      states_(journal_.workers.size()),
      known_(assignment_.sweeps.size()) {
    take_findings_of_journal();
    const bool is_done = std::ranges::all_of(
        journal_.workers, [&](const auto& worker) { return worker.done.size() >= assignment_.sweeps.size(); });
    if (!is_done) start_first();
}

std::optional<Outcome> SharedWork::next() {
    const auto index = next_++;
    watcher_.begin(index);
    while (!has_ended(index) && wait_for_more(index)) show_progress(index);
    watcher_.end();
    // After the last sweep, waits until the workers end by themselves.
    while (next_ == assignment_.sweeps.size() && wait_for_more(index)) continue;
    file_.save(journal_);
    return outcome_of(index);
}

/// Starts the first few workers. The others wait for the number of boundaries, since there may be no work for them.
/// Resumed work starts all of them.
void SharedWork::start_first() {
    const bool goes_on = !journal_.machine.name.empty();
    some_wait_ = !goes_on && states_.size() > started_at_once;
    const auto count = some_wait_ ? started_at_once : states_.size();
    for (std::size_t i = 0; i < count; ++i) start(i);
}

void SharedWork::start(std::size_t worker) {
    auto& state = states_[worker];
    state.started = state.ready = Clock::now();
    pool_.start(worker);
    state.is_started = true;
}

/// Returns the part of `worker` within this process's own shard.
sweep::Shard SharedWork::shard_of(std::size_t worker) const {
    const auto count = static_cast<unsigned>(states_.size());
    const auto index = static_cast<unsigned>(worker);
    const auto& own = assignment_.shard;
    return {own.index + own.count * index, own.count * count};
}

Job SharedWork::job_of(std::size_t worker) const {
    const auto& part = journal_.workers[worker];
    return {.sweeps = assignment_.sweeps,
            .shard = shard_of(worker),
            .first = part.done.size(),
            .from = part.at,
            .saves = file_.is_kept(),
            .counts = worker == 0 && some_wait_,
            .with_details = assignment_.with_details};
}

/// Starts each waiting worker whose shard has a block of the sweep with number `index`, which has `boundaries`
/// boundaries. Marks that sweep as done for the other waiting workers.
void SharedWork::start_needed(std::size_t index, std::uint64_t boundaries) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
        auto& done = journal_.workers[i].done;
        if (states_[i].is_started || done.size() != index) continue;
        if (!shard_of(i).has_any_of(boundaries)) {
            sweep::SweepResult nothing;
            nothing.shard = shard_of(i);
            nothing.levels.emplace_back();
            done.emplace_back(Swept{nothing, 0});
        } else if (!InterruptGuard::stop()) {
            start(i);
        }
    }
}

bool SharedWork::has_ended(std::size_t index) const {
    return std::ranges::all_of(journal_.workers, [&](const auto& worker) { return worker.done.size() > index; });
}

/// Waits briefly for messages of workers, and handles them. False if no worker runs any more.
bool SharedWork::wait_for_more(std::size_t index) {
    const auto news = pool_.wait();
    if (!news) return false;
    for (const auto& [worker, what] : *news) {
        std::visit([&, worker = worker](const auto& each) { take(worker, each); }, what);
    }
    stop_needless(index);
    file_.save_if_due(journal_);
    return true;
}

void SharedWork::take(std::size_t worker, const ErrorLine& line) {
    if (worker == 0) watcher_.says(line.text);
}

void SharedWork::take(std::size_t worker, const Exit& exit) {
    states_[worker].ended = Clock::now();
    const bool is_over = journal_.workers[worker].done.size() >= assignment_.sweeps.size();
    if (!is_over && !InterruptGuard::stop()) throw error_of(exit, worker == 0);
}

void SharedWork::take(std::size_t worker, const Message& message) {
    std::visit([&](const auto& each) { take_message(worker, each); }, message);
}

/// The worker has no job yet. It reads its job as soon as its machine is ready.
void SharedWork::take_message(std::size_t worker, const report::MachineDescription& machine) {
    states_[worker].ready = Clock::now();
    if (!expected_machine_.name.empty() && machine != expected_machine_) {
        throw JournalError(fmt::format("it belongs to another machine ({}, {}, {}) than this one ({}, {}, {})",
                                       expected_machine_.name, expected_machine_.cpu, expected_machine_.kernel,
                                       machine.name, machine.cpu, machine.kernel));
    }
    if (worker == 0 || journal_.machine.name.empty()) journal_.machine = machine;
    pool_.tell(worker, to_line(job_of(worker)));
}

void SharedWork::take_message(std::size_t worker, const sweep::Progress& progress) {
    states_[worker].progress = progress;
}

void SharedWork::take_message(std::size_t worker, const Counted& counted) {
    if (worker == 0) start_needed(journal_.workers[worker].done.size(), counted.boundaries);
}

void SharedWork::take_message(std::size_t worker, const Found& found) {
    const auto index = journal_.workers[worker].done.size();
    if (known_[index].add(found.finding)) watcher_.found(index, found.finding, journal_.machine);
}

void SharedWork::take_message(std::size_t worker, const Saved& saved) {
    journal_.workers[worker].at = saved;
    file_.changed();
}

void SharedWork::take_message(std::size_t worker, const Ending& ending) {
    auto& part = journal_.workers[worker];
    auto& state = states_[worker];
    state.progress.reset();
    const auto* swept = std::get_if<Swept>(&ending);
    if (swept != nullptr && swept->sweep.interrupted && part.done.size() >= state.stopped) {
        state.unfinished = ending;
        return;
    }
    part.done.push_back(ending);
    part.at.reset();
    file_.changed();
    if (worker == 0) start_needed(part.done.size() - 1, 0);  // the sweep ended without a count
}

/// Adds the findings in a resumed journal to the known ones.
void SharedWork::take_findings_of_journal() {
    const auto take = [&](std::size_t index, const sweep::SweepResult& sweep) {
        if (index >= known_.size()) return;
        for (const auto& finding : sweep.findings) (void)known_[index].add(finding);
    };
    for (const auto& worker : journal_.workers) {
        for (std::size_t i = 0; i < worker.done.size(); ++i) {
            if (const auto* swept = std::get_if<Swept>(&worker.done[i])) take(i, swept->sweep);
        }
        if (worker.at) take(worker.done.size(), worker.at->checkpoint.result);
    }
}

/// Stops workers whose further findings the result would drop. These have longer schedules than the shortest that
/// breaks something, or come in blocks after the one in which the sweep stops.
void SharedWork::stop_needless(std::size_t index) {
    auto enough = known_[index].shortest();
    for (const auto& part : journal_.workers) {
        if (part.done.size() <= index) continue;
        const auto* swept = std::get_if<Swept>(&part.done[index]);
        if (swept == nullptr || swept->sweep.findings.empty()) continue;
        enough = std::min(enough.value_or(swept->sweep.depth), swept->sweep.depth);
    }
    if (!enough) return;
    const auto last = known_[index].last_block(*enough, assignment_.sweeps[index].max_findings.value_or(0));
    const auto is_needless = [&](const sweep::Progress& at) {
        return at.level > *enough || (at.level == *enough && last && at.block > *last);
    };
    for (std::size_t i = 0; i < states_.size(); ++i) {
        auto& state = states_[i];
        const bool is_at_it = journal_.workers[i].done.size() == index && state.stopped <= index;
        if (!pool_.is_running(i) || !is_at_it || !state.progress || !is_needless(*state.progress)) continue;
        state.stopped = index + 1;
        pool_.tell(i, std::to_string(index));
    }
}

void SharedWork::show_progress(std::size_t index) {
    std::optional<sweep::Progress> all;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const auto& part = journal_.workers[i];
        sweep::Progress one;
        if (part.done.size() > index) {
            const auto* swept = std::get_if<Swept>(&part.done[index]);
            if (swept == nullptr) continue;
            one.schedules = swept->sweep.schedules;
            one.findings = swept->sweep.findings.size();
        } else if (states_[i].progress) {
            one = *states_[i].progress;
        } else {
            continue;
        }
        if (!all) all.emplace();
        // One position stands for all workers, because they advance side by side: that of the worker that got furthest.
        if (std::tie(one.level, one.boundary) > std::tie(all->level, all->boundary)) {
            all->level = one.level;
            all->boundary = one.boundary;
            all->boundaries = one.boundaries;
        }
        all->schedules += one.schedules;
        all->findings += one.findings;
    }
    if (all && all->level != 0) watcher_.progress(*all);
}

/// Returns how the sweep ended for this worker; null if the worker has not reached its end.
const Ending* SharedWork::ending_of(std::size_t worker, std::size_t index) const {
    const auto& done = journal_.workers[worker].done;
    if (done.size() > index) return &done[index];
    const auto& unfinished = states_[worker].unfinished;
    return done.size() == index && unfinished ? &*unfinished : nullptr;
}

std::optional<Outcome> SharedWork::outcome_of(std::size_t index) const {
    SweptShards all;
    bool is_whole = true;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const auto* ending = ending_of(i, index);
        if (ending == nullptr) {
            is_whole = false;
            continue;
        }
        if (const auto* failed = std::get_if<Failed>(ending)) return *failed;
        if (const auto* skipped = std::get_if<Skipped>(ending)) return *skipped;
        const auto& swept = std::get<Swept>(*ending);
        all.shards.push_back(swept.sweep);
        all.seconds = std::max(all.seconds, swept.seconds);
        sweep::add(all.spent, swept.spent);
    }
    if (all.shards.empty()) return std::nullopt;
    if (!is_whole) all.shards.emplace_back().interrupted = true;
    add_overhead(index, all.spent);
    return all;
}

/// Adds time that belongs to no sweep: the start of machines to the first result, and the idle time of workers to the
/// last one.
void SharedWork::add_overhead(std::size_t index, sweep::TimeSpent& spent) const {
    const auto add = [&](sweep::Phase phase, Clock::duration duration) {
        spent.at(static_cast<std::size_t>(phase)) += std::chrono::duration<double>(duration).count();
    };
    const auto now = Clock::now();
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const auto& state = states_[i];
        if (!state.is_started) continue;
        if (index == 0) add(sweep::Phase::starting, state.ready - state.started);
        if (index + 1 == assignment_.sweeps.size() && !pool_.is_running(i)) {
            add(sweep::Phase::waiting, now - state.ended);
        }
    }
}

}  // namespace gatecrash::worker
