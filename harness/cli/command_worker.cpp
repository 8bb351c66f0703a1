// Runs a worker as a process: see worker/worker.hpp. Only this program starts it.
#include "cli/command_worker.hpp"

#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "worker/interrupt.hpp"
#include "worker/worker.hpp"

namespace gatecrash::cli {
namespace {

struct WorkerOptions {
    CommonOptions common;
    Words files;  ///< the user's files that it reads
};

WorkerOptions read_worker(const Values& values) { return {read_common(values), values.arguments()}; }

int work(const WorkerOptions& options) {
    using worker::InterruptGuard;
    auto local = choose_machine(options.common.machine, true);
    if (!local) return run_inside(options.common, {.inputs = options.files, .in = STDIN_FILENO});
    const InterruptGuard guard;
    const worker::Machine machine{local->description, local->system, local->stepper,
                                  [&](std::span<const vm::Event> events) { check_that_it_lands(events, *local); }};
    worker::Worker worker(machine, STDIN_FILENO);
    const auto job = worker.wait_for_job();
    if (!job) throw UsageError("standard input has no job: only `run` and `explore` start this command");
    worker.work(*job);
    return InterruptGuard::stop() ? 128 + InterruptGuard::signal_number() : 0;
}

}  // namespace

Words worker_words(const machines::Machine& machine, const Words& files) {
    Words words{std::string(worker_command.name), "--machine", std::string(machine.name), "--"};
    words.insert(words.end(), files.begin(), files.end());
    return words;
}

const Command worker_command{.name = "worker",
                             .arguments = " [FILE...]",
                             .summary = "do the sweeps that a line on standard input describes",
                             .about = "",
                             .examples = "",
                             .add_options = add_none,
                             .prepare = prepare<read_worker, work>};

}  // namespace gatecrash::cli
