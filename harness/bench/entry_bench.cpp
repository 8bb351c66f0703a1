#include "gatecrash/bench/entry_bench.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

#include "entry_guest.hpp"
#include "gatecrash/bench/host.hpp"
#include "gatecrash/machine/machine.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::bench {
namespace {

using machine::Machine;

const machine::Outcome begin = machine::Doorbell{GATECRASH_PORT_BEGIN}, end = machine::Doorbell{GATECRASH_PORT_END};

/// What a way into the kernel and back leaves as it was.
struct Kept {
    std::uint64_t rsp, cr3, gs_base, kernel_gs_base;
    unsigned cpl;
    bool operator==(const Kept&) const = default;
};

Kept kept(Machine& machine) {
    const auto& sregs = machine.cpu().sregs();
    return {machine.cpu().regs().rsp, sregs.cr3, sregs.gs.base, machine.kernel_gs_base(), machine.cpl()};
}

/// For each mode that a guest wants, a machine that boots one after another.
class Bench {
  public:
    Bench(const kvm::System& system, std::span<const Composition> compositions) {
        for (const auto& [path, pieces] : compositions) {
            if (machines_.contains(path->word_size)) continue;
            machines_.try_emplace(path->word_size, system, empty_guest(*path, {}));
        }
    }

    /// Up to BEGIN.
    Machine& boot(machine::Image image) {
        auto& [machine, booted] = machines_.at(image.word_size);
        machine.boot_again(std::move(image), booted);
        expect(machine, explore::run_patiently(machine), begin);
        at_begin_ = kept(machine);
        return machine;
    }

    void expect_end(Machine& machine, const machine::Outcome& outcome) {
        expect(machine, outcome, end);
        if (kept(machine) != at_begin_) fail(machine, "RSP, CR3, a GS base or the CPL is not what it was at BEGIN");
    }

  private:
    struct Booted {
        Booted(const kvm::System& system, machine::Image image)
            : machine(system, std::move(image)), booted(machine.snapshot()) {}
        Machine machine;
        machine::Snapshot booted;
    };

    static void expect(Machine& machine, const machine::Outcome& outcome, const machine::Outcome& expected) {
        if (outcome != expected) fail(machine, fmt::format("{} instead of {}", describe(outcome), describe(expected)));
    }
    [[noreturn]] static void fail(Machine& machine, const std::string& what) {
        throw machine::MachineFault(fmt::format("{}: {}\n{}", machine.image().name, what, machine.dump()));
    }

    std::map<std::uint64_t, Booted> machines_;  ///< by word size
    Kept at_begin_{};
};

/// Steps from BEGIN to END, with `event` landed at BEGIN.
std::uint64_t steps_of(Bench& bench, machine::Image image, const std::optional<machine::Event>& event,
                       machine::StepperKind kind) {
    auto& machine = bench.boot(std::move(image));
    const auto stepper = machine::make_stepper(kind, machine);
    std::uint64_t count = 0;
    machine::Step step;
    {
        explore::Walker walker(machine, *stepper);
        if (event) machine.land(*event);
        step = walker.settle();  // nothing executes
        for (; !step.end; ++count) step = walker.step();
    }
    bench.expect_end(machine, *step.end);
    return count;
}

std::optional<machine::Event> event_of(const EntryPath& path) {
    if (!path.event) return std::nullopt;
    return machine::Event{*path.event, path.vector};
}

/// What timing an event's path leaves out: a guest cannot time a VM entry, which is how an event lands.
std::string entered_by(const EntryPath& path) {
    return fmt::format("entered by INT {} through its gate, not by the event", path.vector);
}

/// What the workload is without its entering instruction, as far as it differs.
using Workload = std::tuple<unsigned, bool, std::uint64_t>;
Workload workload_of(const EntryPath& path) { return {path.cpl, path.way == Way::sysenter, path.word_size}; }

/// Of one pass, in one round.
std::vector<double> cycles_of(Bench& bench, const machine::Image& image, Repetition repetition) {
    constexpr std::size_t warm_up = 64;
    auto& machine = bench.boot(image);
    bench.expect_end(machine, explore::run_patiently(machine));
    std::vector<std::uint64_t> ticks(repetition.samples);
    if (!machine.memory().read(samples_address, std::as_writable_bytes(std::span(ticks)))) {
        throw machine::MachineFault("the samples are not mapped\n" + machine.dump());
    }
    std::vector<double> cycles;
    for (std::size_t i = warm_up; i < ticks.size(); ++i) {
        cycles.push_back(static_cast<double>(ticks[i]) / repetition.passes);
    }
    return cycles;
}

}  // namespace

Measured count_instructions(const kvm::System& system, std::span<const Composition> compositions,
                            machine::StepperKind usual, std::optional<machine::StepperKind> asked) {
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
        const auto kind = asked.value_or(machine::stepper_for(image, usual));
        if (kind != machine::stepper_for(image, kind)) {
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
    // A time-stamp counter may advance in steps of tens of ticks.
    constexpr Repetition repetition{.samples = max_samples, .passes = 16};
    struct Subject {
        const Composition* composition;
        machine::Image image;
        std::vector<std::vector<double>> rounds{};
    };
    Measured measured;
    std::vector<Subject> subjects;
    std::map<Workload, machine::Image> empty;
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
        const PinnedThread pinned;  // but not the watchdog's thread, which the bench has started
        measured.warnings = disturbances(pinned.cpu());
        if (!pinned.is_pinned()) measured.warnings.emplace_back("the thread could not be kept on one CPU");
        const auto stolen = stolen_ticks(pinned.cpu());
        for (std::size_t round = 0; round < rounds; ++round) {
            std::map<Workload, double> overheads;
            for (const auto& [workload, image] : empty) {
                overheads[workload] = median_of(cycles_of(bench, image, repetition));
            }
            for (auto& subject : subjects) {
                auto& cycles = subject.rounds.emplace_back(cycles_of(bench, subject.image, repetition));
                for (auto& each : cycles) each -= overheads.at(workload_of(*subject.composition->path));
            }
        }
        if (stolen_ticks(pinned.cpu()) != stolen) {
            measured.warnings.emplace_back("a hypervisor took the CPU away meanwhile (steal time)");
        }
    }
    const bool has_one_rate = has_invariant_tsc();
    for (const auto& subject : subjects) {
        const auto& composition = *subject.composition;
        auto figure = summarize_rounds(composition.name(), "cycles", subject.rounds, composition.what());
        figure.valid = has_one_rate && is_narrow(figure);
        if (!figure.valid) {
            figure.note = has_one_rate ? "the spread is too wide: the median is not known to 5 %"
                                       : "the time-stamp counter does not run at one rate";
        }
        if (composition.path->event) {
            if (!figure.note.empty()) figure.note += "; ";
            figure.note += entered_by(*composition.path);
        }
        measured.figures.push_back(std::move(figure));
    }
    return measured;
}

}  // namespace gatecrash::bench
