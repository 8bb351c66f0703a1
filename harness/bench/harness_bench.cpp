#include "gatecrash/bench/harness_bench.hpp"

#include <chrono>

#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"
#include "gatecrash/machine/tiny_guest.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::bench {
namespace {

using Clock = std::chrono::steady_clock;
using machine::Event;
using machine::Machine;

constexpr int rounds = 500;

double nanoseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

template <typename Work>
std::vector<double> timed(int count, const Work& work) {
    std::vector<double> samples;
    samples.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        const auto start = Clock::now();
        work();
        samples.push_back(nanoseconds_since(start));
    }
    return samples;
}

/// A guest that executes HLT, over and over: the harness sets its registers each time.
std::vector<double> floor_samples(const kvm::System& system) {
    machine::TinyGuest guest;
    guest.kernel.hlt();
    Machine machine(system, guest.build("floor"));
    const auto begin = machine.cpu().regs();
    return timed(4 * rounds, [&] {
        machine.cpu().set_regs(begin);
        (void)machine.run();
    });
}

/// The boundaries of a window's run without events.
struct Path {
    std::vector<machine::Snapshot> boundaries;
    std::vector<double> steps;  ///< nanoseconds each
};

Path walk(Machine& machine, const explore::Window& window) {
    Path path;
    const auto stepper = machine::make_stepper(machine::StepperKind::trap_flag, machine);
    explore::open_window(machine, window);
    explore::Walker walker(machine, *stepper);
    auto step = walker.settle();
    while (!step.end) {
        path.boundaries.push_back(machine.snapshot(path.boundaries.empty() ? nullptr : &path.boundaries.back()));
        const auto start = Clock::now();
        step = walker.step();
        path.steps.push_back(nanoseconds_since(start));
    }
    return path;
}

}  // namespace

std::vector<Figure> measure_harness(const kvm::System& system, const machine::Image& image) {
    const auto create = timed(20, [&] {
        auto vm = system.create_vm();
        (void)vm.create_vcpu();
    });
    const auto floor = floor_samples(system);

    Machine machine(system, image);
    auto window = explore::next_window(machine);
    if (!window) throw machine::ImageError(image.name + ": the guest has no window to measure");
    explore::open_window(machine, *window);
    (void)explore::run_patiently(machine);
    window->end = machine.snapshot();
    window->vectors = explore::vectors_since(machine, *window);
    const auto path = walk(machine, *window);

    std::vector<double> injections, restores, snapshots;
    for (int round = 0; round < 4; ++round) {
        for (const auto& boundary : path.boundaries) {
            const auto start = Clock::now();
            machine.land(Event::nmi());
            const auto outcome = machine.run();
            const std::vector<explore::LandedEvent> landed{{Event::nmi(), 0}};
            (void)explore::check_run(machine, *window, outcome, landed);
            const auto ran = Clock::now();
            machine.restore(boundary);
            restores.push_back(nanoseconds_since(ran));
            injections.push_back(nanoseconds_since(start));
        }
    }
    for (const auto& boundary : path.boundaries) {
        machine.restore(boundary);
        machine.land(Event::nmi());
        (void)machine.run();
        const auto start = Clock::now();
        const auto snapshot = machine.snapshot(&boundary);
        snapshots.push_back(nanoseconds_since(start));
    }

    double total = 0;
    for (const auto sample : injections) total += sample;
    const auto mean = total / static_cast<double>(injections.size());
    std::vector<Figure> figures{
        summarize("kvm_run_floor_ns", "ns", floor, "KVM_RUN to HLT and back, registers set and read"),
        summarize("step_ns", "ns", path.steps, "one instruction"),
        summarize("snapshot_ns", "ns", snapshots, "after a run; pages that did not change are shared"),
        summarize("restore_ns", "ns", restores, "after a run"),
        summarize("vm_create_ns", "ns", create, "a VM and a vCPU, neither set up"),
        summarize("injection_ns", "ns", injections, "land an NMI, run to the end, check, restore"),
    };
    const auto add = [&](const char* name, const char* unit, double value, const char* note) {
        figures.push_back({name, unit, value, value, value, injections.size(), true, note});
    };
    add("injections_per_s", "1/s", 1e9 / mean, "from the mean of injection_ns");
    add("floor_ratio", "ratio", mean / figures.front().median, "mean of injection_ns / median of kvm_run_floor_ns");
    return figures;
}

}  // namespace gatecrash::bench
