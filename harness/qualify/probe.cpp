#include "qualify/probe.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "kvm/error.hpp"
#include "qualify/guest_to_step.hpp"

namespace gatecrash::qualify {
namespace {

/// Returns the first line, without the numbers that only readers of KVM's source understand.
std::string headline(const std::string& message) {
    auto line = message.substr(0, message.find('\n'));
    return line.substr(0, line.find(", data ["));
}

/// The remedy of a fact's answer that some real machines give. Other behaviours have one that is true of any answer.
constexpr const char* some_machines =
    "nothing: a verdict that depends on it holds for this machine, and for real ones that answer so, too";

}  // namespace

Bench::Bench(const kvm::System& system) : system_(system), guest_to_step_(guest_to_step()) {}

Bench::Loaded::Loaded(const kvm::System& system, const vm::Image& image)
    : guest(system, image), booted(guest.snapshot()) {
    if (system.has(kvm::Capability::binary_statistics)) host_interrupts = guest.cpu().counter("irq_exits");
}

vm::Guest& Bench::load(const vm::Image& image) {
    if (loaded_) {
        loaded_->guest.boot_again(image, loaded_->booted);
    } else {
        loaded_.emplace(system_, image);
    }
    return loaded_->guest;
}

std::uint64_t Bench::host_interrupts() const {
    return loaded_ && loaded_->host_interrupts ? loaded_->host_interrupts->read() : 0;
}

Measurement judge(const Probe& probe, Vendor vendor, const std::function<Answer()>& measure) {
    Measurement measurement{.behaviour = probe.behaviour,
                            .got = {},
                            .expected = probe.expected.on(vendor),
                            .ok = false,
                            .is_silicon = false,
                            .remedy = probe.remedy};
    try {
        measurement.got = measure();
    } catch (const kvm::Error& error) {
        measurement.got = {Unforeseen{headline(error.what())}};
        if (!error.remedy().empty()) measurement.remedy = error.remedy();
    } catch (const vm::RefusedEntry& error) {
        measurement.got = {EntryRefused{error.reason()}};
    } catch (const std::exception& error) {
        measurement.got = {Unforeseen{headline(error.what())}};
    }
    measurement.ok = std::ranges::count(measurement.expected, measurement.got) != 0;
    measurement.is_silicon =
        !measurement.ok && std::ranges::count(probe.expected.on_some(vendor), measurement.got) != 0;
    if (measurement.is_silicon && info(probe.behaviour).rank == vm::BehaviourRank::fact)
        measurement.remedy = some_machines;
    if (measurement.ok) measurement.remedy.clear();
    return measurement;
}

Measurement evaluate(const Probe& probe, Bench& bench) {
    constexpr std::size_t max_tries = 5;
    std::vector<Answer> doubted;
    for (;;) {
        const auto before = bench.host_interrupts();
        auto measurement = judge(probe, vm::cpu_vendor(), [&] { return probe.measure(bench); });
        const bool disturbed = bench.host_interrupts() != before;
        if (!measurement.ok) bench.discard();  // what went wrong must not disturb the next probe
        if (measurement.ok && !disturbed) return measurement;
        if (std::ranges::count(doubted, measurement.got) != 0) return measurement;
        doubted.push_back(measurement.got);
        if (doubted.size() == max_tries) return measurement;
    }
}

}  // namespace gatecrash::qualify
