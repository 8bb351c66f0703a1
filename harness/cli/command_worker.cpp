// Runs a worker as a process: see worker/worker.hpp. Only this program starts it.
#include "cli/command_worker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "worker/interrupt.hpp"
#include "worker/worker.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char* basics_option = "basics";

void add_worker(OptionList& options) { add_flag(options, basics_option, "measure only the basic behaviours"); }

struct WorkerOptions {
    CommonOptions common;
    Words files;  ///< the user's files that it reads
    bool basics;
};

WorkerOptions read_worker(const Values& values) {
    return {read_common(values), values.arguments(), values.is_set(basics_option)};
}

int work(const WorkerOptions& options) {
    using worker::InterruptGuard;
    auto local = choose_machine(options.common.machine, !options.basics);
    if (!local) return run_inside(options.common, {.inputs = options.files, .in = STDIN_FILENO});
    const InterruptGuard guard;
    const worker::Machine machine{local->description, local->system, local->stepper, local->repairs,
                                  [&](std::span<const vm::Event> events) { check_that_it_lands(events, *local); }};
    worker::Worker worker(machine, STDIN_FILENO);
    const auto job = worker.wait_for_job();
    if (!job) throw UsageError("standard input has no job: only `run` and `explore` start this command");
    worker.work(*job);
    return InterruptGuard::stop() ? 128 + InterruptGuard::signal_number() : 0;
}

}  // namespace

Words worker_words(const machines::Machine& machine, const Words& files, bool basics) {
    Words words{std::string(worker_command.name), "--machine", machine.name};
    if (basics) words.push_back(fmt::format("--{}", basics_option));
    words.emplace_back("--");
    words.insert(words.end(), files.begin(), files.end());
    return words;
}

const Command worker_command{.name = "worker",
                             .arguments = " [FILE...]",
                             .summary = "do the sweeps that a line on standard input describes",
                             .about = "",
                             .examples = "",
                             .add_options = add_worker,
                             .prepare = prepare<read_worker, work>};

}  // namespace gatecrash::cli
