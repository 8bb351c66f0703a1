#include "bench/entry_bench.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "bench/entry_guest.hpp"
#include "bench/host.hpp"
#include "bench/validity.hpp"
#include "sweep/window.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/walker.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::bench {
namespace {

using vm::Guest;

const vm::Outcome begin = vm::Doorbell{GATECRASH_PORT_BEGIN}, end = vm::Doorbell{GATECRASH_PORT_END};

/// The state that an entry into the kernel and the return must not change.
struct Kept {
    std::uint64_t rsp, cr3, gs_base, kernel_gs_base;
    unsigned cpl;
    bool operator==(const Kept&) const = default;
};

Kept kept(Guest& guest) {
    const auto& sregs = guest.cpu().sregs();
    return {guest.cpu().regs().rsp, sregs.cr3, sregs.gs.base, guest.kernel_gs_base(), guest.cpl()};
}

/// Has one machine for each word size that the guests need, and boots one guest after another in it.
class Bench {
  public:
    Bench(const kvm::System& system, std::span<const Composition> compositions) {
        for (const auto& [path, pieces] : compositions) {
            if (machines_.contains(path->word_size)) continue;
            machines_.try_emplace(path->word_size, system, empty_guest(*path, {}));
        }
    }

    /// Boots `image` and runs it up to BEGIN.
    Guest& boot(vm::Image image) {
        auto& [guest, booted, exits] = machines_.at(image.word_size);
        guest.boot_again(std::move(image), booted);
        expect(guest, vm::run_patiently(guest), begin);
        at_begin_ = kept(guest);
        return guest;
    }

    void expect_end(Guest& guest, const vm::Outcome& outcome) {
        expect(guest, outcome, end);
        if (kept(guest) != at_begin_) fail(guest, "RSP, CR3, a GS base or the CPL differs from what it was at BEGIN");
    }

    /// True if KVM counts VM exits (Linux 5.14).
    [[nodiscard]] bool counts_exits() const {
        return std::ranges::all_of(machines_, [](const auto& each) { return each.second.exits.has_value(); });
    }
    /// Returns the VM exits of a guest's machine so far; 0 if KVM does not count them.
    [[nodiscard]] std::uint64_t exits_of(const Guest& guest) const {
        const auto& counter = machines_.at(guest.image().word_size).exits;
        return counter ? counter->read() : 0;
    }

  private:
    struct Booted {
        Booted(const kvm::System& system, vm::Image image) : guest(system, std::move(image)), booted(guest.snapshot()) {
            if (system.has(kvm::Capability::binary_statistics)) exits = guest.cpu().counter("exits");
        }
        Guest guest;
        vm::Snapshot booted;
        std::optional<kvm::Counter> exits;  // comes after the guest, which it must not outlive
    };

    static void expect(Guest& guest, const vm::Outcome& outcome, const vm::Outcome& expected) {
        if (outcome != expected)
            fail(guest, fmt::format("it ended with {} instead of {}", describe(outcome), describe(expected)));
    }
    [[noreturn]] static void fail(Guest& guest, const std::string& what) {
        throw vm::MachineFault(fmt::format("{}: {}\n{}", guest.image().name, what, guest.dump()));
    }

    std::map<std::uint64_t, Booted> machines_;  ///< by word size
    Kept at_begin_{};
};

/// Returns the number of steps from BEGIN to END, with `event` landed at BEGIN.
std::uint64_t steps_of(Bench& bench, vm::Image image, const std::optional<vm::Event>& event, vm::StepperKind kind) {
    auto& guest = bench.boot(std::move(image));
    const auto stepper = vm::make_stepper(kind, guest);
    std::uint64_t count = 0;
    vm::Step step;
    {
        vm::Walker walker(guest, *stepper);
        if (event) guest.land(*event);
        step = walker.settle();  // delivers the event, and executes nothing
        for (; !step.end; ++count) step = walker.step();
    }
    bench.expect_end(guest, *step.end);
    return count;
}

std::optional<vm::Event> event_of(const EntryPath& path) {
    if (!path.event) return std::nullopt;
    return vm::Event{*path.event, path.vector};
}

/// Says what the timing of an event's path leaves out: a guest cannot time a VM entry, which is how an event lands.
std::string entered_by(const EntryPath& path) {
    return fmt::format("entered by INT {} through its gate, not by the event", path.vector);
}

/// The properties by which workloads differ when their entering instruction is left out.
using Workload = std::tuple<unsigned, bool, std::uint64_t>;
Workload workload_of(const EntryPath& path) { return {path.cpl, path.way == Way::sysenter, path.word_size}; }

/// The result of one round of one guest.
struct Round {
    std::vector<double> cycles;  ///< per pass
    std::uint64_t exits = 0;     ///< during all passes
};

Round run_timed(Bench& bench, const vm::Image& image, Repetition repetition) {
    constexpr std::size_t warm_up = 64;
    auto& guest = bench.boot(image);
    const auto exits_before = bench.exits_of(guest);
    bench.expect_end(guest, vm::run_patiently(guest));
    Round round{{}, bench.exits_of(guest) - exits_before};
    std::vector<std::uint64_t> ticks(repetition.samples);
    if (!guest.memory().read(samples_address, std::as_writable_bytes(std::span(ticks)))) {
        throw vm::MachineFault("the samples are not mapped\n" + guest.dump());
    }
    for (std::size_t i = warm_up; i < ticks.size(); ++i) {
        round.cycles.push_back(static_cast<double>(ticks[i]) / repetition.passes);
    }
    return round;
}

/// A guest to time, and its results so far.
struct Subject {
    const Composition* composition;
    vm::Image image;
    std::vector<std::vector<double>> rounds{};
    Exits exits{};
};

Figure figure_of(const Subject& subject, const CycleHost& host) {
    const auto& composition = *subject.composition;
    auto figure = summarize_rounds(composition.name(), "cycles", subject.rounds, composition.what());
    auto notes = doubts(figure, host, subject.exits);
    figure.valid = notes.empty();
    if (figure.valid && !figure.note.empty()) notes.push_back(figure.note);
    if (composition.path->event) notes.push_back(entered_by(*composition.path));
    figure.note = fmt::format("{}", fmt::join(notes, "; "));
    return figure;
}

}  // namespace

Measured count_instructions(const kvm::System& system, std::span<const Composition> compositions, vm::StepperKind usual,
                            std::optional<vm::StepperKind> asked) {
    Bench bench(system, compositions);
    Measured measured;
    std::map<Workload, std::uint64_t> outside;
    for (const auto& composition : compositions) {
        if (const auto missing = missing_for(composition)) {
            measured.skipped.push_back({composition.name(), *missing});
            continue;
        }
        const auto& path = *composition.path;
        auto image = counted_guest(composition);
        const auto kind = asked.value_or(vm::stepper_for(image, {}, usual));
        if (kind != vm::stepper_for(image, {}, kind)) {
            measured.skipped.push_back({composition.name(), "32-bit guests are stepped with stop bytes only"});
            continue;
        }
        const auto [known, is_new] = outside.try_emplace(workload_of(path));
        if (is_new) known->second = steps_of(bench, empty_guest(path, {}), std::nullopt, kind);
        const auto steps = steps_of(bench, std::move(image), event_of(path), kind);
        measured.figures.push_back(summarize(composition.name(), "instructions",
                                             {static_cast<double>(steps - known->second)}, composition.what()));
    }
    return measured;
}

Measured measure_cycles(const kvm::System& system, std::span<const Composition> compositions, std::size_t rounds) {
    // Times several passes at once, since a time-stamp counter may advance in steps of tens of ticks.
    constexpr Repetition repetition{.samples = max_samples, .passes = 16};
    struct Overhead {
        double cycles;
        std::uint64_t exits;
    };
    Measured measured;
    std::vector<Subject> subjects;
    std::map<Workload, vm::Image> empty;
    for (const auto& composition : compositions) {
        const auto& path = *composition.path;
        if (const auto missing = missing_for(composition)) {
            measured.skipped.push_back({composition.name(), *missing});
        } else {
            subjects.push_back({&composition, timed_guest(composition, repetition)});
            empty.try_emplace(workload_of(path), empty_guest(path, repetition));
        }
    }
    Bench bench(system, compositions);
    {
        const PinnedThread pinned;  // not the watchdog's thread, which the bench has already started
        measured.warnings = disturbances(pinned.cpu());
        if (!pinned.is_pinned()) measured.warnings.emplace_back("the thread could not be kept on one CPU");
        if (!bench.counts_exits()) {
            measured.warnings.emplace_back(
                "this KVM does not count exits (KVM_CAP_BINARY_STATS_FD), so it is unknown whether a guest exited "
                "while it was timed");
        }
        const auto stolen = stolen_ticks(pinned.cpu()), switches = involuntary_switches();
        for (std::size_t round = 0; round < rounds; ++round) {
            std::map<Workload, Overhead> overheads;
            for (const auto& [workload, image] : empty) {
                const auto [cycles, exits] = run_timed(bench, image, repetition);
                overheads[workload] = {median_of(cycles), exits};
            }
            for (auto& subject : subjects) {
                const auto overhead = overheads.at(workload_of(*subject.composition->path));
                auto [cycles, exits] = run_timed(bench, subject.image, repetition);
                for (auto& each : cycles) each -= overhead.cycles;
                subject.rounds.push_back(std::move(cycles));
                subject.exits.taken += exits;
                subject.exits.taken_without += overhead.exits;
                subject.exits.passes += std::uint64_t{repetition.samples} * repetition.passes;
            }
        }
        if (stolen_ticks(pinned.cpu()) != stolen) {
            measured.warnings.emplace_back("a hypervisor took the CPU away during the measurement (steal time)");
        }
        if (const auto taken = involuntary_switches() - switches; taken != 0) {
            measured.warnings.push_back(fmt::format(
                "the kernel gave the CPU to other threads {} times during the measurement (involuntary switches)",
                taken));
        }
    }
    const CycleHost host{.has_one_rate = has_invariant_tsc(), .is_below_hypervisor = vm::is_below_hypervisor()};
    for (const auto& subject : subjects) measured.figures.push_back(figure_of(subject, host));
    return measured;
}

}  // namespace gatecrash::bench
