// One behaviour, as a row of a table: what silicon does, and the function that measures it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "kvm/counter.hpp"
#include "kvm/system.hpp"
#include "qualify/answer.hpp"
#include "qualify/qualify.hpp"
#include "vm/guest.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::qualify {

using vm::Vendor;

/// The machines that probes run their guests in.
class Bench {
  public:
    explicit Bench(const kvm::System& system);

    [[nodiscard]] const kvm::System& system() const { return system_; }
    /// A machine with the GuestCode `image` booted. It is the machine of the probe before, if that one was as expected:
    /// making one is most of a probe's cost.
    [[nodiscard]] vm::Guest& load(const vm::Image& image);
    /// A machine with guest_to_step() booted.
    [[nodiscard]] vm::Guest& load_guest_to_step() { return load(guest_to_step_); }
    /// The next load() makes a new machine.
    void discard() { loaded_.reset(); }
    /// How often an interrupt of the host has ended a guest's run in the machine there is; 0 if KVM does not count
    /// them.
    [[nodiscard]] std::uint64_t host_interrupts() const;

  private:
    struct Loaded {
        Loaded(const kvm::System& system, const vm::Image& image);
        vm::Guest guest;
        vm::Snapshot booted;
        std::optional<kvm::Counter> host_interrupts;  // behind the machine, which it must not outlive
    };

    const kvm::System& system_;
    vm::Image guest_to_step_;
    std::optional<Loaded> loaded_;
};

/// What silicon of each vendor does. expected.hpp makes these.
struct Expected {
    Allowed intel, amd;

    [[nodiscard]] const Allowed& on(Vendor vendor) const { return vendor == Vendor::amd ? amd : intel; }
};

struct Probe {
    Behaviour behaviour;
    Expected expected;
    const char* source;  ///< where that is said
    const char* remedy;
    /// Returns what was seen. May throw: that is what was measured, then.
    Answer (*measure)(Bench&);
};

/// Every behaviour but the facts: what decides whether and how this machine is used, and what cases may need.
[[nodiscard]] std::span<const Probe> probes();
/// The facts.
[[nodiscard]] std::span<const Probe> facts();

/// Calls `measure` and judges: the behaviour is ok if the answer is one that is expected of this vendor's CPUs.
[[nodiscard]] Measurement judge(const Probe& probe, Vendor vendor, const std::function<Answer()>& measure);
/// Measures `probe` in `bench`, for the vendor of the CPU this runs on. An interrupt of the host leaves no trace on
/// silicon, but where a VM entry loses something of the guest's (behaviours shadow-over-entry, breakpoint-from-outside)
/// it changes what is seen. So an answer counts at once only if it is the expected one and KVM counted no such
/// interrupt meanwhile. Any other counts once it has come twice; the fifth counts anyway. (The count alone does not
/// decide: KVM on Bochs misses some, and on SVM it counts its own, when an event is injected while another waits.)
[[nodiscard]] Measurement evaluate(const Probe& probe, Bench& bench);

}  // namespace gatecrash::qualify
