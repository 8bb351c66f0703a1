#include "bench/kernel_bench.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/harness_bench.hpp"
#include "bench/sampler.hpp"
#include "kernel/loaded_kernel.hpp"

namespace gatecrash::bench {
namespace {

constexpr std::size_t schedules = 2000;
constexpr const char* workload = "getpid";

struct Samples {
    std::vector<double> schedules, restores;
    std::uint64_t memory = 0;  ///< bytes
};

/// Lands an NMI at each boundary in turn, as a sweep does. Then restores one of them after each run.
Samples sample(const kvm::System& system, const std::string& file) {
    kernel::LoadedKernel kernel(system, file, {});
    kernel.record_code();
    const auto& all = kernel.head().workloads;
    const auto found = std::ranges::find(all, workload, &kernel::WorkloadInfo::name);
    if (found == all.end()) throw vm::ImageError(fmt::format("the init program has no workload '{}'", workload));
    const auto waiting = kernel.waiting();
    sweep::SweepOptions options;
    options.events = {vm::Event::nmi()};
    kernel::KernelSubject subject(waiting, {workload, static_cast<unsigned>(found - all.begin())}, options);
    (void)subject.find_window();
    subject.keep_window();
    sweep::HitCounter hits;
    const auto path = subject.path_of(0, hits);
    Sampler runs(schedules);
    sweep::Extremes extremes;
    const auto nmi = vm::Event::nmi();
    while (runs.wants_more()) {
        for (const auto& point : path) {
            if (!subject.can_land(nmi, *point) || !subject.can_deliver(nmi, *point)) continue;
            const std::vector<sweep::Landed> landed{{nmi, point.get()}};
            runs.time([&] {
                subject.land(*point, nmi, *point);
                (void)subject.run(0, landed, extremes);
            });
        }
    }
    // Restores a boundary to which it returns after each run, as a sweep does.
    const auto& first = *path.front();
    const std::vector<sweep::Landed> landed{{nmi, &first}};
    subject.land(first, nmi, first);
    const auto landed_there = waiting.guest.save(&waiting.state);
    Sampler restores(schedules);
    while (restores.wants_more()) {
        (void)subject.run(0, landed, extremes);
        restores.time([&] { waiting.guest.restore(landed_there); });
    }
    return {runs.samples(), restores.samples(), waiting.guest.memory().size()};
}

Figure restore_figure(const char* name, const Samples& samples) {
    return summarize(name, "ns", samples.restores,
                     fmt::format("after a run, with {} MiB of memory", samples.memory >> 20));
}

}  // namespace

std::vector<Figure> measure_kernel(const kvm::System& system, const std::string& saved, const std::string& larger) {
    const auto floor = measure_floor(system);
    const auto usual = sample(system, saved), more = sample(system, larger);
    const auto schedule = summarize("schedule_ns", "ns", usual.schedules,
                                    "restore getpid() at a boundary, land an NMI, run to the end, check");
    const auto restore = restore_figure("restore_ns", usual),
               restore_larger = restore_figure("restore_larger_ns", more);
    return {floor,
            schedule,
            ratio("floor_ratio", schedule, floor, "schedule_ns / kvm_run_floor_ns; at most 6 is the aim"),
            restore,
            restore_larger,
            ratio("memory_ratio", restore_larger, restore,
                  "restore_larger_ns / restore_ns; 1 is the aim, since memory that nobody writes costs nothing")};
}

}  // namespace gatecrash::bench
