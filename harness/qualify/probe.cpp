#include "probe.hpp"

#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "gatecrash/kvm/error.hpp"
#include "guest_to_step.hpp"

namespace gatecrash::qualify {
namespace {

/// The first line, without the numbers for which one has to know KVM's source.
std::string headline(const std::string& message) {
    auto line = message.substr(0, message.find('\n'));
    return line.substr(0, line.find(", data ["));
}

/// Whether `got` is what is expected, or one of those that are allowed.
bool allows(std::string_view expected, std::string_view got) {
    constexpr std::string_view or_else = " | ";
    for (;;) {
        const auto end = expected.find(or_else);
        if (expected.substr(0, end) == got) return true;
        if (end == std::string_view::npos) return false;
        expected.remove_prefix(end + or_else.size());
    }
}

}  // namespace

Bench::Bench(const kvm::System& system) : system_(system), guest_to_step_(guest_to_step()) {}

machine::Machine& Bench::load(const machine::Image& image) {
    if (machine_) {
        machine_->boot_again(image, booted_);
    } else {
        machine_ = std::make_unique<machine::Machine>(system_, image);
        booted_ = machine_->snapshot();
    }
    return *machine_;
}

Behaviour judge(const Probe& probe, Vendor vendor, const std::function<std::string()>& measure) {
    Behaviour behaviour{.name = probe.name,
                        .got = {},
                        .expected = vendor == Vendor::amd ? probe.expected.amd : probe.expected.intel,
                        .ok = false,
                        .basic = probe.basic,
                        .remedy = probe.remedy};
    try {
        behaviour.got = measure();
    } catch (const kvm::Error& error) {
        behaviour.got = headline(error.what());
        if (!error.remedy().empty()) behaviour.remedy = error.remedy();
    } catch (const std::exception& error) {
        behaviour.got = headline(error.what());
    }
    behaviour.ok = allows(behaviour.expected, behaviour.got);
    if (behaviour.ok) behaviour.remedy.clear();
    return behaviour;
}

Behaviour evaluate(const Probe& probe, Bench& bench) {
    auto behaviour = judge(probe, machine::cpu_vendor(), [&] { return probe.measure(bench); });
    if (!behaviour.ok) bench.discard();  // whatever went wrong is not to be in the way of the next
    return behaviour;
}

}  // namespace gatecrash::qualify
