// One behaviour, as a row of a table: the answers of real hardware, and the function that measures it.
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
    /// Returns a machine with the GuestCode `image` booted. It reuses the machine of the probe before if that one's
    /// answer was as expected, because making a machine is most of a probe's cost.
    [[nodiscard]] vm::Guest& load(const vm::Image& image);
    /// Returns a machine with guest_to_step() booted.
    [[nodiscard]] vm::Guest& load_guest_to_step() { return load(guest_to_step_); }
    /// Makes the next load() create a new machine.
    void discard() { loaded_.reset(); }
    /// Returns how often an interrupt of the host has ended a guest's run in the present machine; 0 if KVM does not
    /// count them.
    [[nodiscard]] std::uint64_t host_interrupts() const;

  private:
    struct Loaded {
        Loaded(const kvm::System& system, const vm::Image& image);
        vm::Guest guest;
        vm::Snapshot booted;
        std::optional<kvm::Counter> host_interrupts;  // comes after the guest, which it must not outlive
    };

    const kvm::System& system_;
    vm::Image guest_to_step_;
    std::optional<Loaded> loaded_;
};

/// The answers of real hardware, for each vendor. expected.hpp makes these.
struct Expected {
    Allowed intel, amd;
    /// Further answers that only some real machines give: it depends on the CPU's model, on the version of KVM, or on a
    /// hypervisor below. Variants that need the behaviour rely on the answers above.
    Allowed some_intel{}, some_amd{};

    [[nodiscard]] const Allowed& on(Vendor vendor) const { return vendor == Vendor::amd ? amd : intel; }
    [[nodiscard]] const Allowed& on_some(Vendor vendor) const { return vendor == Vendor::amd ? some_amd : some_intel; }
};

struct Probe {
    Behaviour behaviour;
    Expected expected;
    const char* source;  ///< the places in the manuals that say so
    const char* remedy;
    /// Returns what it saw. If it throws, the error is the answer.
    Answer (*measure)(Bench&);
};

/// Returns the rows of every behaviour but the facts. They decide whether and how this machine is used, and cases may
/// need them.
[[nodiscard]] std::span<const Probe> probes();
/// Returns the rows of the facts.
[[nodiscard]] std::span<const Probe> facts();

/// Calls `measure` and judges: the behaviour is ok if the answer is one that this vendor's CPUs may give.
[[nodiscard]] Measurement judge(const Probe& probe, Vendor vendor, const std::function<Answer()>& measure);
/// Measures `probe` in `bench`, for the vendor of the CPU that this program runs on. On real hardware an interrupt of
/// the host leaves no trace. But if a VM entry loses some state of the guest (behaviours shadow-over-entry,
/// breakpoint-from-outside), an interrupt changes the answer. So an answer counts at once only if it is the expected
/// one and KVM counted no such interrupt meanwhile. Any other answer counts once it has come twice; the fifth counts
/// anyway. KVM's count does not decide alone. KVM on Bochs misses some interrupts, and KVM on SVM also counts its own,
/// when it injects an event while another waits.
[[nodiscard]] Measurement evaluate(const Probe& probe, Bench& bench);

}  // namespace gatecrash::qualify
