// A worker: sweeps its part of the work of a command, and reports its progress in lines.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "kernel/loaded_kernel.hpp"
#include "kvm/system.hpp"
#include "vm/virtual_machine.hpp"
#include "worker/job.hpp"
#include "worker/line_reader.hpp"
#include "worker/protocol.hpp"

namespace gatecrash::worker {

/// The machine on which a worker sweeps.
struct Machine {
    const report::MachineDescription& description;  ///< includes the behaviours that were measured
    const kvm::System& system;
    vm::StepperKind stepper;  ///< used unless the sweep names another one
    vm::quirks::Repairs repairs;
    /// Throws an error with the reason if one of the events cannot land on this machine, whatever the guest is.
    std::function<void(std::span<const vm::Event>)> check_that_it_lands;
};

/// Says why a sweep cannot run on `machine`: names those of the behaviours `needs` that differ from real hardware.
/// Empty if it can run.
[[nodiscard]] std::string missing_behaviours(std::span<const vm::Behaviour> needs,
                                             const report::MachineDescription& machine);

/// Does one job on `machine`, which outlives this. Reads descriptor `in`, and reports on standard output. It stops on a
/// signal (InterruptGuard), or on a line with the number of a sweep of which nobody needs the rest.
class Worker {
  public:
    Worker(const Machine& machine, int in) : machine_(machine), in_(in) {}

    /// Reports the machine, and waits for a job. Empty if no job comes. Throws ProtocolError.
    [[nodiscard]] std::optional<Job> wait_for_job();
    void work(const Job& job);

  private:
    using Clock = std::chrono::steady_clock;

    /// When the worker reported last, and how much.
    struct Told {
        Clock::time_point began = Clock::now(), progress = began, saved = began;
        std::uint64_t schedules = 0, findings = 0;
    };

    [[nodiscard]] Ending sweep_one(const Sweep& sweep, const Job& job, const std::optional<Saved>& from);
    [[nodiscard]] sweep::SweepResult sweep_guest(const Sweep& sweep, const Job& job, const std::optional<Saved>& from,
                                                 Told& told, sweep::PhaseClock& clock);
    [[nodiscard]] kernel::LoadedKernel& load(const KernelWorkload& workload);
    void tell_while_it_sweeps(sweep::SweepOptions& options, const Job& job, double seconds_before, Told& told);
    [[nodiscard]] bool is_asked_to_stop(Clock::time_point now);

    const Machine& machine_;
    LineReader in_;
    bool is_input_closed_ = false;
    std::unique_ptr<vm::VirtualMachine> virtual_machine_;  ///< runs all guests, one after another
    /// The kernel that was swept last, and which it is.
    std::unique_ptr<kernel::LoadedKernel> kernel_;
    KernelWorkload loaded_;
    std::string current_;  ///< number of the current sweep
    Clock::time_point listened_{};
    std::atomic<bool> stop_{false};
};

}  // namespace gatecrash::worker
