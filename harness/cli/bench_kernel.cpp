#include "cli/bench_kernel.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "cli/command_linux.hpp"
#include "cli/commands.hpp"
#include "cli/saved_kernels.hpp"
#include "cli/workers.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char* larger_memory = "160";  ///< MiB; the usual size is 96

/// A sweep to time.
struct TimedSweep {
    const char* name;
    Words words;
    const char* note;
};

const Words pairs{"--workload", "getpid", "--events", "nmi", "--depth", "2", "--window", "entry"};

Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

const std::vector<TimedSweep>& timed_sweeps() {
    static const std::vector<TimedSweep> sweeps{
        {"depth_1_s",
         {"--events", "nmi,irq,db", "--jobs", "1"},
         "one event at every boundary of all workloads, one worker; at most 60 is the aim"},
        {"pairs_no_prune_s", with(pairs, {"--no-prune", "--jobs", "1"}),
         "two NMIs in the entry text of getpid, without pruning; at most 40 is the aim"},
        {"pairs_s", with(pairs, {"--jobs", "1"}), "the same with pruning; at most 15 is the aim"},
        {"pairs_no_prune_2_jobs_s", with(pairs, {"--no-prune", "--jobs", "2"}),
         "without pruning, by two workers; it ends with the slower one"}};
    return sweeps;
}

/// Returns the seconds from the first schedule of each sweep to its last one.
double seconds_of(MachineName machine, const Words& more) {
    const auto words = with({"linux", "--quiet", "--machine", std::string(machine.word())}, more);
    const auto sweeping = sweeping_of_kernel(read_values(linux_command, words));
    Workers workers(sweeping);
    double seconds = 0;
    for (std::size_t done = 0; done < sweeping.tasks.size(); ++done) {
        const auto result = workers.next();
        if (!result || result->sweep.interrupted) throw std::runtime_error("interrupted");
        if (!result->message.empty()) throw std::runtime_error(result->message);
        seconds += result->seconds;
    }
    return seconds;
}

}  // namespace

Words kernels_to_measure(MachineName asked) {
    Words files;
    for (const Words& words : {Words{"linux"}, Words{"linux", "--memory", larger_memory}})
        files.push_back(ready_kernel(read_kernel(read_values(linux_command, words)), asked).place.file);
    return files;
}

std::vector<bench::Figure> measure_kernel_sweeps(MachineName asked) {
    const worker::InterruptGuard guard;
    std::vector<bench::Figure> figures;
    for (const auto& [name, words, note] : timed_sweeps())
        figures.push_back(bench::summarize(name, "s", {seconds_of(asked, words)}, note));
    figures.push_back(
        bench::ratio("jobs_ratio", figures[1], figures[3],
                     "pairs_no_prune_s / pairs_no_prune_2_jobs_s; at least 1.8 is the aim with two CPUs"));
    return figures;
}

}  // namespace gatecrash::cli
