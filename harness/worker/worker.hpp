// A worker: sweeps its part of what `run` or `explore` were asked for, and tells in lines how far it is.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "kvm/system.hpp"
#include "vm/virtual_machine.hpp"
#include "worker/job.hpp"
#include "worker/line_reader.hpp"
#include "worker/protocol.hpp"

namespace gatecrash::worker {

/// Where a worker sweeps.
struct Machine {
    const report::MachineDescription& description;  ///< with the behaviours that were measured
    const kvm::System& system;
    vm::StepperKind stepper;  ///< to use unless another is asked for
    /// Throws what says why one of the events cannot land there, whatever the guest.
    std::function<void(std::span<const vm::Event>)> check_that_it_lands;
};

/// Says why `machine` is not fit for a sweep: what it `needs` of behaviours that are not as on silicon. Empty if it is.
[[nodiscard]] std::string missing_behaviours(std::span<const vm::Behaviour> needs,
                                             const report::MachineDescription& machine);

/// Does one job on `machine`, which outlives this. Reads descriptor `in`, and tells on standard output. InterruptGuard
/// stops it, and so does a line with the number of the sweep that nobody needs the rest of.
class Worker {
  public:
    Worker(const Machine& machine, int in) : machine_(machine), in_(in) {}

    /// Tells the machine, and waits for a job. Empty if there will be none. Throws ProtocolError.
    [[nodiscard]] std::optional<Job> wait_for_job();
    void work(const Job& job);

  private:
    using Clock = std::chrono::steady_clock;

    /// When it told what.
    struct Told {
        Clock::time_point began = Clock::now(), progress = began, saved = began;
        std::uint64_t schedules = 0, findings = 0;
    };

    [[nodiscard]] Ending sweep_one(const Sweep& sweep, const Job& job, const std::optional<Saved>& from);
    [[nodiscard]] sweep::SweepResult sweep_guest(const Sweep& sweep, const Job& job, const std::optional<Saved>& from,
                                                 Told& told, sweep::PhaseClock& clock);
    void tell_while_it_sweeps(sweep::SweepOptions& options, const Job& job, double seconds_before, Told& told);
    [[nodiscard]] bool is_asked_to_stop(Clock::time_point now);

    const Machine& machine_;
    LineReader in_;
    bool is_input_closed_ = false;
    std::unique_ptr<vm::VirtualMachine> virtual_machine_;  ///< runs all guests, one after another
    std::string current_;                                  ///< number of the sweep
    Clock::time_point listened_{};
    std::atomic<bool> stop_{false};
};

}  // namespace gatecrash::worker
