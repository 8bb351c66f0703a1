#include "worker/worker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "posix/file.hpp"
#include "sweep/schedule.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::worker {
namespace {

constexpr std::chrono::milliseconds progress_pause{100}, save_pause{250};
constexpr std::uint64_t looks_every = 32;  ///< how many schedules pass between two looks at the clock

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void tell(const Message& message) {
    fmt::print("{}\n", to_line(message));
    (void)std::fflush(stdout);
}

}  // namespace

std::string missing_behaviours(std::span<const vm::Behaviour> needs, const report::MachineDescription& machine) {
    const auto lacks = [&](vm::Behaviour behaviour) {
        const auto found = machine.behaviours.find(behaviour);
        return found == machine.behaviours.end() || !found->second;
    };
    std::vector<vm::Behaviour> missing;
    std::ranges::copy_if(needs, std::back_inserter(missing), lacks);
    // Names only the premise, if it is missing, too.
    std::erase_if(missing, [&](vm::Behaviour behaviour) {
        const auto presupposed = vm::presupposed_by(behaviour);
        return presupposed && lacks(*presupposed) && std::ranges::find(needs, *presupposed) != needs.end();
    });
    if (missing.empty()) return "";
    std::vector<std::string> texts;
    texts.reserve(missing.size());
    for (const auto behaviour : missing) {
        texts.push_back(describe(behaviour));
        if (machine.as_some.contains(behaviour)) texts.back() += ", which some real machines lack, too";
    }
    return fmt::format("it needs {}. {} on {}: `gatecrash doctor` shows how", fmt::join(texts, " and "),
                       missing.size() == 1 ? "This differs" : "These differ", machine.name);
}

std::optional<Job> Worker::wait_for_job() {
    tell(machine_.description);
    const auto line = in_.wait_for_line();
    return line ? std::optional(read_job(*line)) : std::nullopt;
}

void Worker::work(const Job& job) {
    for (std::size_t i = job.first; i < job.sweeps.size() && !InterruptGuard::stop(); ++i) {
        stop_.store(false);
        current_ = std::to_string(i);
        tell(sweep_one(job.sweeps[i], job, i == job.first ? job.from : std::nullopt));
    }
}

Ending Worker::sweep_one(const Sweep& sweep, const Job& job, const std::optional<Saved>& from) {
    Told told;
    if (auto missing = missing_behaviours(sweep.needs, machine_.description); !missing.empty()) {
        return Skipped{std::move(missing)};
    }
    sweep::PhaseClock clock(sweep::Phase::starting);
    try {
        auto swept = sweep_guest(sweep, job, from, told, clock);
        return Swept{std::move(swept), (from ? from->seconds : 0) + seconds_since(told.began), clock.spent()};
    } catch (const kernel::SkippedWorkload& skipped) {
        return Skipped{skipped.what()};
    } catch (const vm::ImpossibleState& state) {
        kernel_.reset();
        return Skipped{state.what()};
    } catch (const vm::ImageError& error) {
        return Failed{error.what(), true};
    } catch (const sweep::ScheduleError& error) {
        return Failed{error.what(), true};
    } catch (const std::exception& error) {
        virtual_machine_.reset();  // it may be the cause
        kernel_.reset();
        return Failed{error.what(), false};
    }
}

sweep::SweepResult Worker::sweep_guest(const Sweep& sweep, const Job& job, const std::optional<Saved>& from, Told& told,
                                       sweep::PhaseClock& clock) {
    const auto prepare = [&](sweep::SweepOptions& options) {
        machine_.check_that_it_lands(options.events);
        options.shard = job.shard;
        options.with_details = job.with_details;
        options.stop = &stop_;
        options.clock = &clock;
        if (from) options.from = from->checkpoint;
        tell_while_it_sweeps(options, job, from ? from->seconds : 0, told);
    };
    if (const auto* workload = std::get_if<KernelWorkload>(&sweep.guest)) {
        auto& kernel = load(*workload);
        auto options = options_of(sweep);
        prepare(options);
        kernel::KernelSubject subject(kernel.waiting(), {workload->target, workload->number, workload->ignored_memory},
                                      options);
        return sweep::sweep(subject, options);
    }
    if (const auto* target = std::get_if<ImageTarget>(&sweep.guest)) {
        auto options = options_of(sweep);
        prepare(options);
        kernel::LoadedImage image(machine_.system, target->sweep, options.events);
        kernel::KernelSubject subject(image.waiting(), target->target, image.window(), options);
        return sweep::sweep(subject, options);
    }
    auto image = image_of(sweep.guest);
    if (!virtual_machine_) virtual_machine_ = std::make_unique<vm::VirtualMachine>(machine_.system, machine_.repairs);
    vm::Guest guest(*virtual_machine_, std::move(image));
    auto options = options_of(sweep, guest.image(), machine_.stepper);
    prepare(options);
    return sweep::sweep(guest, options);
}

/// Returns the kernel of a workload. Workloads of one kernel, with the same pokes and exits, share it.
kernel::LoadedKernel& Worker::load(const KernelWorkload& workload) {
    if (kernel_ == nullptr || loaded_.saved != workload.saved || loaded_.pokes != workload.pokes ||
        loaded_.exits != workload.exits) {
        kernel_.reset();
        kernel_ =
            std::make_unique<kernel::LoadedKernel>(machine_.system, workload.saved, workload.pokes, workload.exits);
        kernel_->record_code();
        loaded_ = workload;
    }
    return *kernel_;
}

void Worker::tell_while_it_sweeps(sweep::SweepOptions& options, const Job& job, double seconds_before, Told& told) {
    options.progress = [&told](const sweep::Progress& progress) {
        if (Clock::now() - told.progress < progress_pause) return;
        told.progress = Clock::now();
        tell(progress);
    };
    if (job.counts) options.counted = [](std::uint64_t boundaries) { tell(Counted{boundaries}); };
    const auto most = options.max_findings == 0 ? most_told : options.max_findings;
    options.found = [&told, most](const sweep::Finding& finding) {
        if (told.findings++ < most) tell(Found{finding});
    };
    options.at_schedule = [this, &told, saves = job.saves,
                           seconds_before](const std::function<sweep::Checkpoint()>& checkpoint) {
        // Reading the clock takes some 20 us on an emulated machine.
        if (++told.schedules % looks_every != 0 && !InterruptGuard::stop()) return;
        const auto now = Clock::now();
        if (is_asked_to_stop(now)) stop_.store(true);
        if (!saves || (!stop_ && now - told.saved < save_pause)) return;
        told.saved = now;
        tell(Saved{checkpoint(), seconds_before + seconds_since(told.began)});
    };
}

/// True after a signal, or after a line with the sweep's number, which says that nobody needs the rest of the sweep.
bool Worker::is_asked_to_stop(Clock::time_point now) {
    if (InterruptGuard::stop()) return true;
    if (now - listened_ < progress_pause || is_input_closed_) return false;
    listened_ = now;
    if (in_.is_ready()) is_input_closed_ = !in_.read_some();
    for (auto line = in_.next(); line; line = in_.next()) {
        if (*line == current_) return true;
    }
    return false;
}

}  // namespace gatecrash::worker
