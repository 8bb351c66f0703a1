// One behaviour, as a row of a table: what silicon does, and the function that measures it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "kvm/counter.hpp"
#include "kvm/system.hpp"
#include "qualify/qualify.hpp"
#include "vm/guest.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::qualify {

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

/// What silicon does, as the phrase that a probe's function returns for it. Where the manual leaves that open, the
/// phrases that it allows, with " | " between them.
struct Expected {
    const char* intel;
    const char* amd;
    constexpr Expected(const char* both) : intel(both), amd(both) {}  // NOLINT(google-explicit-constructor)
    constexpr Expected(const char* for_intel, const char* for_amd) : intel(for_intel), amd(for_amd) {}
};

struct Probe {
    Behaviour behaviour;
    Expected expected;
    const char* source;  ///< where that is said
    const char* remedy;
    /// Returns what was measured as a phrase that is composed of what was seen. May throw: that is what was measured,
    /// then.
    std::string (*measure)(Bench&);
};

/// Every behaviour but the facts: what decides whether and how this machine is used, and what cases may need.
[[nodiscard]] std::span<const Probe> probes();
/// The facts.
[[nodiscard]] std::span<const Probe> facts();

using vm::Vendor;

/// Calls `measure` and judges: the behaviour is ok if the phrase is the one expected of this vendor's CPUs.
[[nodiscard]] Measurement judge(const Probe& probe, Vendor vendor, const std::function<std::string()>& measure);
/// Measures `probe` in `bench`, for the vendor of the CPU this runs on. An interrupt of the host leaves no trace on
/// silicon, but where a VM entry loses something of the guest's (behaviours shadow-over-entry, breakpoint-from-outside)
/// it changes what is seen. So an answer counts at once only if it is the expected one and KVM counted no such
/// interrupt meanwhile. Any other counts once it has come twice; the fifth counts anyway. (The count alone does not
/// decide: KVM on Bochs misses some, and on SVM it counts its own, when an event is injected while another waits.)
[[nodiscard]] Measurement evaluate(const Probe& probe, Bench& bench);

}  // namespace gatecrash::qualify
