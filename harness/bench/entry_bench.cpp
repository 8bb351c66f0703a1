#include "gatecrash/bench/entry_bench.hpp"

#include <fmt/format.h>

#include <array>

#include "entry_guest.hpp"
#include "gatecrash/bench/host.hpp"
#include "gatecrash/machine/machine.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::bench {
namespace {

using machine::Machine;

const machine::Outcome begin = machine::Doorbell{GATECRASH_PORT_BEGIN}, end = machine::Doorbell{GATECRASH_PORT_END};

/// One machine that boots one guest after another.
class Bench {
  public:
    explicit Bench(const kvm::System& system) : machine_(system, empty_guest(3, 1)), booted_(machine_.snapshot()) {}

    /// Up to BEGIN.
    Machine& boot(machine::Image image) {
        machine_.boot_again(std::move(image), booted_);
        expect(explore::run_patiently(machine_), begin);
        return machine_;
    }

    void expect(const machine::Outcome& outcome, const machine::Outcome& expected) {
        if (outcome == expected) return;
        throw machine::MachineFault(fmt::format("{}: {} instead of {}\n{}", machine_.image().name, describe(outcome),
                                                describe(expected), machine_.dump()));
    }

  private:
    Machine machine_;
    machine::Snapshot booted_;
};

/// Steps from BEGIN to END, with `event` landed at BEGIN.
std::uint64_t steps_of(Bench& bench, machine::Image image, const std::optional<machine::Event>& event,
                       machine::StepperKind kind) {
    auto& machine = bench.boot(std::move(image));
    const auto stepper = machine::make_stepper(kind, machine);
    explore::Walker walker(machine, *stepper);
    if (event) machine.land(*event);
    auto step = walker.settle();  // nothing executes
    std::uint64_t count = 0;
    for (; !step.end; ++count) step = walker.step();
    bench.expect(*step.end, end);
    return count;
}

std::optional<machine::Event> event_of(const EntryPath& path) {
    if (!path.event) return std::nullopt;
    return machine::Event{*path.event, path.vector};
}

std::vector<double> cycles_of(Bench& bench, const machine::Image& image) {
    constexpr std::size_t warm_up = 64;
    auto& machine = bench.boot(image);
    bench.expect(explore::run_patiently(machine), end);
    std::array<std::uint64_t, max_samples> ticks{};
    (void)machine.memory().read(samples_address, std::as_writable_bytes(std::span(ticks)));
    return {ticks.begin() + warm_up, ticks.end()};
}

void append(std::vector<double>& to, const std::vector<double>& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

Measured count_instructions(const kvm::System& system, std::span<const Composition> compositions,
                            machine::StepperKind kind) {
    Bench bench(system);
    Measured measured;
    const auto outside = steps_of(bench, empty_guest(3, 1), std::nullopt, kind);
    for (const auto& composition : compositions) {
        if (const auto missing = missing_for(composition)) {
            measured.skipped.push_back({composition.name(), *missing});
            continue;
        }
        const auto steps = steps_of(bench, entry_guest(composition, 1), event_of(*composition.path), kind);
        measured.figures.push_back(
            summarize(composition.name(), "instructions", {static_cast<double>(steps - outside)}, composition.what()));
    }
    return measured;
}

Measured measure_cycles(const kvm::System& system, std::span<const Composition> compositions,
                        const std::string& not_valid) {
    constexpr int rounds = 20;
    struct Subject {
        const Composition* composition;
        machine::Image image;
        std::vector<double> samples{};
    };
    Measured measured;
    std::vector<Subject> subjects;
    for (const auto& composition : compositions) {
        const auto missing =
            composition.path->event ? "it comes by a VM entry, which a guest cannot time" : missing_for(composition);
        if (missing) {
            measured.skipped.push_back({composition.name(), *missing});
        } else {
            subjects.push_back({&composition, entry_guest(composition, max_samples)});
        }
    }
    const auto empty = std::to_array({empty_guest(0, max_samples), empty_guest(3, max_samples)});
    std::array<std::vector<double>, empty.size()> overheads;
    Bench bench(system);
    {
        const PinnedThread pinned;  // but not the watchdog's thread, which the bench has started
        measured.warnings = disturbances(pinned.cpu());
        const auto stolen = stolen_ticks(pinned.cpu());
        for (int round = 0; round < rounds; ++round) {
            for (std::size_t i = 0; i < empty.size(); ++i) append(overheads.at(i), cycles_of(bench, empty.at(i)));
            for (auto& subject : subjects) append(subject.samples, cycles_of(bench, subject.image));
        }
        if (stolen_ticks(pinned.cpu()) != stolen) {
            measured.warnings.emplace_back("a hypervisor took the CPU away meanwhile (steal time)");
        }
    }
    const std::string why = !not_valid.empty()    ? not_valid
                            : has_invariant_tsc() ? ""
                                                  : "the time-stamp counter does not run at one rate";
    for (auto& [composition, image, samples] : subjects) {
        const auto& overhead = overheads.at(composition->path->cpl == 0 ? 0 : 1);
        auto figure =
            summarize_beyond(composition->name(), "cycles", std::move(samples), overhead, composition->what());
        if (!why.empty() || !is_narrow(figure)) {
            figure.valid = false;
            figure.note = why.empty() ? "the spread is too wide: the median is not known to 5 %" : why;
        }
        measured.figures.push_back(std::move(figure));
    }
    return measured;
}

}  // namespace gatecrash::bench
