// A worker, as a process: see worker/worker.hpp. Workers start it, and nobody else.
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "worker/interrupt.hpp"
#include "worker/worker.hpp"

namespace gatecrash::cli {

std::vector<std::string> worker_arguments(MachineName machine, const std::vector<std::string>& files) {
    std::vector<std::string> arguments{"worker", "--machine", name_of(machine), "--"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    return arguments;
}

int work(const Options& options) {
    using worker::InterruptGuard;
    auto local = choose_machine(options.machine, true);
    if (!local) {
        Documents none(options);
        return run_inside(options, none, options.patterns);
    }
    const InterruptGuard guard;
    const worker::Machine machine{local->description, local->system, local->stepper,
                                  [&](std::span<const vm::Event> events) { check_that_it_lands(events, *local); }};
    worker::Worker worker(machine, STDIN_FILENO);
    const auto job = worker.wait_for_job();
    if (!job) throw UsageError("standard input has no job: this command is for `run` and `explore` to use");
    worker.work(*job);
    return InterruptGuard::stop() ? 128 + InterruptGuard::signal_number() : 0;
}

}  // namespace gatecrash::cli
