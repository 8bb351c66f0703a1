// A worker: sweeps its part of what `run` or `explore` were asked for, and tells in lines how far it is. Used by
// workers.cpp only.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "cli/commands.hpp"
#include "cli/inside.hpp"
#include "cli/interrupt.hpp"
#include "cli/line_reader.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/sweeping.hpp"
#include "report/work.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds progress_pause{100}, save_pause{250};
constexpr std::uint64_t looks_every = 32;  ///< schedules

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void tell(const report::Message& message) {
    fmt::print("{}\n", to_line(message));
    (void)std::fflush(stdout);
}

class Worker {
  public:
    explicit Worker(const LocalMachine& local) : local_(local) {}

    void work() {
        const auto line = in_.wait_for_line();
        if (!line) throw UsageError("standard input has no job: this command is for `run` and `explore` to use");
        const auto job = report::read_job(*line);
        const auto options = parse_options(job.command);
        const auto selections = selections_of(options);
        for (std::size_t i = job.first; i < selections.size() && !InterruptGuard::stop(); ++i) {
            stop_.store(false);
            current_ = std::to_string(i);
            tell(sweep_one(options, selections[i], job, i == job.first ? job.from : std::nullopt));
        }
    }

  private:
    report::Ending sweep_one(const Options& options, const Selection& selection, const report::Job& job,
                             const std::optional<report::Saved>& from) {
        const auto start = Clock::now();
        const double before = from ? from->seconds : 0;
        // Who explores wants to see what this machine makes of it.
        const auto missing = options.command == Command::run ? missing_behaviours(selection, local_.description) : "";
        if (!missing.empty()) return report::Skipped{missing};
        sweep::PhaseClock clock(sweep::Phase::starting);
        try {
            auto image = image_of(options, selection);
            if (!virtual_machine_) virtual_machine_ = std::make_unique<vm::VirtualMachine>(local_.system);
            vm::Guest machine(*virtual_machine_, std::move(image));
            auto sweep_options = sweep_options_of(options, selection, machine.image(), local_.stepper);
            check_that_it_lands(sweep_options.events, local_);
            sweep_options.stop = &stop_;
            sweep_options.clock = &clock;
            if (from) sweep_options.from = from->checkpoint;
            Clock::time_point told = start, saved = start;
            std::uint64_t schedules = 0;
            sweep_options.progress = [&](const sweep::Progress& progress) {
                if (Clock::now() - told < progress_pause) return;
                told = Clock::now();
                tell(progress);
            };
            if (job.counts) sweep_options.counted = [](std::uint64_t boundaries) { tell(report::Counted{boundaries}); };
            sweep_options.found = [&, left = findings_to_tell(options, selection, local_.description.vendor)](
                                      const sweep::Finding& finding) mutable {
                if (left == 0) return;
                --left;
                tell(report::Found{finding});
            };
            sweep_options.at_schedule = [&](const std::function<sweep::Checkpoint()>& checkpoint) {
                // To read the clock takes some 20 us on an emulated machine.
                if (++schedules % looks_every != 0 && !InterruptGuard::stop()) return;
                const auto now = Clock::now();
                if (is_asked_to_stop(now)) stop_.store(true);
                if (!job.saves || (!stop_ && now - saved < save_pause)) return;
                saved = now;
                tell(report::Saved{checkpoint(), before + seconds_since(start)});
            };
            auto sweep = sweep::sweep(machine, sweep_options);
            return report::Swept{std::move(sweep), before + seconds_since(start), clock.spent()};
        } catch (const vm::ImageError& error) {
            return report::Failed{error.what(), true};
        } catch (const sweep::ScheduleError& error) {
            return report::Failed{error.what(), true};
        } catch (const std::exception& error) {
            virtual_machine_.reset();  // it may be what failed
            return report::Failed{error.what(), false};
        }
    }

    /// By a signal; or by a line with the sweep's number, as nobody needs the rest of it.
    bool is_asked_to_stop(Clock::time_point now) {
        if (InterruptGuard::stop()) return true;
        if (now - listened_ < progress_pause || is_input_closed_) return false;
        listened_ = now;
        if (in_.is_ready()) is_input_closed_ = !in_.read_some();
        for (auto line = in_.next(); line; line = in_.next()) {
            if (*line == current_) return true;
        }
        return false;
    }

    const LocalMachine& local_;
    LineReader in_{STDIN_FILENO};
    bool is_input_closed_ = false;
    std::unique_ptr<vm::VirtualMachine> virtual_machine_;  ///< runs all guests, one after another
    std::string current_;                                  ///< number of the sweep
    Clock::time_point listened_{};
    std::atomic<bool> stop_{false};
};

}  // namespace

int work(const Options& options) {
    auto local = choose_machine(options.machine, true);
    if (!local) {
        Documents none(options);
        return run_inside(options, none, options.patterns);
    }
    const InterruptGuard guard;
    tell(local->description);
    Worker(*local).work();
    return InterruptGuard::stop() ? 128 + InterruptGuard::signal_number() : 0;
}

}  // namespace gatecrash::cli
