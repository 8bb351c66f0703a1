#include "bench/harness_bench.hpp"

#include <chrono>

#include "bench/sampler.hpp"
#include "sweep/check/end_check.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::bench {
namespace {

using vm::Event;
using vm::Guest;

/// Samples per figure.
constexpr std::size_t floor_runs = 2000, injections = 4000, creations = 20;

template <typename Work>
std::vector<double> timed(std::size_t wanted, const Work& work) {
    Sampler sampler(wanted);
    while (sampler.wants_more()) sampler.time(work);
    return sampler.samples();
}

/// Times a guest that executes HLT over and over. Each time the harness sets and reads all of its registers, as it does
/// for a schedule.
std::vector<double> floor_samples(const kvm::System& system) {
    vm::GuestCode code;
    code.kernel.hlt();
    Guest guest(system, code.build("floor"));
    const auto begin = guest.snapshot();
    return timed(floor_runs, [&] {
        guest.cpu().set_regs(begin.regs);
        guest.set_sregs(begin.sregs);
        guest.cpu().set_events(begin.events);
        (void)guest.run();
    });
}

/// Makes a guest whose NMI handler only writes the log record that the checks require. So nearly all the time of an
/// injection is the harness's. The guest maps `memory` more bytes, which it never touches. With `has_wrmsr` its text
/// has a WRMSR that it never executes, as the runtime's text has: then the harness reads MSRs after each run.
vm::Image short_guest(std::uint64_t memory, bool has_wrmsr = false) {
    vm::GuestCode code;
    auto& k = code.kernel;
    Xbyak::Label nmi;
    k.doorbell(GATECRASH_PORT_BEGIN);
    for (int i = 0; i < 16; ++i) k.inc(k.rdi);
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    if (has_wrmsr) k.wrmsr();
    k.L(nmi);
    k.push(k.rax);
    k.mov(k.rax, vm::GuestCode::log);
    k.inc(k.qword[k.rax + offsetof(abi::Log, head)]);
    k.add(k.rax, offsetof(abi::Log, records));
    k.mov(k.dword[k.rax + offsetof(abi::LogRecord, kind)], GATECRASH_LOG_ENTER);
    k.mov(k.dword[k.rax + offsetof(abi::LogRecord, vector)], GATECRASH_VECTOR_NMI);
    k.mov(k.ptr[k.rax + offsetof(abi::LogRecord, frame)], k.rsp);
    k.pop(k.rax);
    k.iretq();
    code.handle(GATECRASH_VECTOR_NMI, nmi, GATECRASH_IST_NMI);
    auto image = code.build("short");
    constexpr std::uint64_t behind_all = 0x1000000;
    if (memory != 0) {
        image.segments.push_back(
            {vm::Virtual{GATECRASH_KERNEL_BASE + behind_all}, vm::Physical{behind_all}, {}, memory, true, false});
    }
    return image;
}

/// The boundaries of a window's run without events.
struct Path {
    std::vector<vm::Snapshot> boundaries;
    std::vector<double> steps;  ///< nanoseconds each
};

Path walk(Guest& guest, const sweep::Window& window, vm::StepperKind kind) {
    Path path;
    const auto stepper = vm::make_stepper(kind, guest);
    sweep::open_window(guest, window);
    vm::Walker walker(guest, *stepper);
    auto step = walker.settle();
    while (!step.end) {
        path.boundaries.push_back(guest.snapshot(path.boundaries.empty() ? nullptr : &path.boundaries.back()));
        const auto start = Clock::now();
        step = walker.step();
        path.steps.push_back(nanoseconds_since(start));
    }
    return path;
}

/// A guest, its first window, and the boundaries in it.
struct WalkedGuest {
    WalkedGuest(const kvm::System& system, vm::Image image, vm::StepperKind kind, vm::quirks::Repairs repairs)
        : guest(system, std::move(image), repairs) {
        auto first = sweep::next_window(guest);
        if (!first) throw vm::ImageError(guest.image().name + ": the guest has no window to measure");
        window = std::move(*first);
        sweep::open_window(guest, window);
        (void)vm::run_patiently(guest);
        window.end = guest.snapshot();
        window.vectors = sweep::vectors_since(guest, window);
        path = walk(guest, window, kind);
    }

    Guest guest;
    sweep::Window window;
    Path path;
};

/// Times injections as a sweep does them, over and over on all boundaries.
std::vector<double> injection_samples(WalkedGuest& subject) {
    auto& guest = subject.guest;
    Sampler sampler(injections);
    while (sampler.wants_more()) {
        for (const auto& boundary : subject.path.boundaries) {
            sampler.time([&] {
                guest.restore(boundary);
                guest.land(Event::nmi());
                const auto outcome = guest.run();
                const std::vector<sweep::LandedEvent> landed{{Event::nmi(), 0}};
                (void)sweep::check_run(guest, subject.window, outcome, landed);
            });
        }
    }
    return sampler.samples();
}

/// Times `work` on each boundary's snapshot, after a run from there in which an NMI landed.
template <typename Work>
std::vector<double> samples_behind_a_run(WalkedGuest& subject, const Work& work) {
    auto& guest = subject.guest;
    Sampler sampler(injections);
    while (sampler.wants_more()) {
        for (const auto& boundary : subject.path.boundaries) {
            guest.restore(boundary);
            guest.land(Event::nmi());
            (void)guest.run();
            sampler.time([&] { work(guest, boundary); });
        }
    }
    return sampler.samples();
}

/// Returns a figure that follows from others, which had `runs`.
Figure derived(const char* name, const char* unit, double value, Interval interval, std::uint64_t runs,
               const char* note) {
    return {.name = name,
            .unit = unit,
            .median = value,
            .min = value,
            .p99 = value,
            .interval = interval,
            .runs = runs,
            .valid = true,
            .note = note};
}

}  // namespace

Figure measure_floor(const kvm::System& system) {
    return summarize("kvm_run_floor_ns", "ns", floor_samples(system),
                     "KVM_RUN to HLT and back, with all registers set and read");
}

std::vector<Figure> measure_harness(const kvm::System& system, const vm::Image& image, vm::StepperKind kind,
                                    vm::quirks::Repairs repairs) {
    constexpr std::uint64_t mib = 1 << 20;
    const auto floor = measure_floor(system);
    const auto create = timed(creations, [&] {
        auto vm = system.create_vm();
        (void)vm.create_vcpu();
    });
    // Measures the injections of a guest that differs from the small one.
    const auto injections_of = [&](const vm::Image& other, const char* name, const char* note) {
        WalkedGuest guest(system, other, kind, repairs);
        return summarize(name, "ns", injection_samples(guest), note);
    };
    WalkedGuest small(system, short_guest(0), kind, repairs);
    const auto exits = small.guest.cpu().counter("exits");
    const auto exits_before = exits ? exits->read() : 0;
    const auto injection = summarize("injection_ns", "ns", injection_samples(small),
                                     "restore, land an NMI, run to the end, check; a guest that only logs the NMI");
    const auto exits_of_all = exits ? exits->read() - exits_before : 0;
    const auto restores =
        samples_behind_a_run(small, [](Guest& guest, const vm::Snapshot& boundary) { guest.restore(boundary); });
    const auto snapshots = samples_behind_a_run(
        small, [](Guest& guest, const vm::Snapshot& boundary) { (void)guest.snapshot(&boundary); });
    const auto with_2_mib =
        injections_of(short_guest(2 * mib), "injection_2_mib_ns", "the same with 2 MiB more of memory");
    const auto with_64_mib =
        injections_of(short_guest(64 * mib), "injection_64_mib_ns", "the same with 64 MiB more of memory");
    const auto with_wrmsr =
        injections_of(short_guest(0, true), "injection_wrmsr_ns", "the same with WRMSR in the guest's text");
    WalkedGuest real(system, image, kind, repairs);
    const auto real_injection =
        summarize("injection_real_ns", "ns", injection_samples(real), "the same of " + image.name);
    constexpr double second = 1e9;
    const auto& known = injection.interval;
    std::vector<Figure> figures{
        floor,
        summarize("step_ns", "ns", real.path.steps, "one instruction"),
        summarize("snapshot_ns", "ns", snapshots, "after a run; pages that did not change are shared"),
        summarize("restore_ns", "ns", restores, "after a run"),
        summarize("vm_create_ns", "ns", create, "a VM and a vCPU, both without any setup"),
        injection,
        with_2_mib,
        with_64_mib,
        with_wrmsr,
        real_injection,
        derived("injections_per_s", "1/s", second / injection.median, {second / known.high, second / known.low},
                injection.runs, "from the median of injection_ns"),
        ratio("floor_ratio", injection, floor, "medians: injection_ns / kvm_run_floor_ns"),
    };
    if (exits) {
        const auto each = static_cast<double>(exits_of_all) / static_cast<double>(injection.runs);
        figures.push_back(
            derived("exits_per_injection", "exits", each, {each, each}, injection.runs,
                    "how often the CPU leaves the guest in one injection; a KVM_RUN of the floor has one such exit"));
    }
    return figures;
}

}  // namespace gatecrash::bench
