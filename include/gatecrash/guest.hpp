// A guest in a virtual machine of its own.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "gatecrash/delivery.hpp"
#include "gatecrash/event.hpp"
#include "gatecrash/guest_code.hpp"
#include "gatecrash/kvm.hpp"
#include "gatecrash/outcome.hpp"

namespace gatecrash::vm {
class Guest;
struct Snapshot;
}  // namespace gatecrash::vm

namespace gatecrash {

/// Thrown if the guest does not stop as run_to() asks. `what()` says how it ended, lists the deliveries, and dumps the
/// CPU.
class UnexpectedOutcome : public std::runtime_error {
  public:
    UnexpectedOutcome(const std::string& what, Outcome outcome) : std::runtime_error(what), outcome_(outcome) {}

    [[nodiscard]] const Outcome& outcome() const { return outcome_; }

  private:
    Outcome outcome_;
};

/// Thrown if the event cannot arrive on any CPU where the guest is. `what()` says why.
class CannotLand : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The result of one step of a guest.
struct Step {
    std::optional<Outcome> end;       ///< set if the step ended the run as Guest::run() ends
    std::optional<Vector> delivered;  ///< set if the guest now is at the first instruction of that vector's handler
};

/// A guest's whole state: CPU, pending events and memory. Only the guest that it was taken from can restore it.
class Snapshot {
  private:
    friend class Guest;
    explicit Snapshot(std::shared_ptr<const vm::Snapshot> state) : state_(std::move(state)) {}

    std::shared_ptr<const vm::Snapshot> state_;
};

/// A virtual machine with one CPU, which executes a GuestCode. It executes nothing between two calls.
///
///     Guest guest(kvm, code);
///     guest.run_to(Doorbell::begin());
///     guest.land(Event::nmi());
///     guest.run_to(Doorbell::end());
///     EXPECT_EQ(guest.deliveries(), (Deliveries{{Vector::nmi, landed}}));
///
/// Every method throws std::runtime_error if KVM fails; `what()` then says how, with a dump of the CPU.
class Guest {
  public:
    /// Boots `code`. Several guests may boot the same code, but nobody may change it after the first. Creating a
    /// virtual machine takes up to 70 ms; restore() is much cheaper. Throws KvmError, Xbyak::Error for a label that was
    /// never placed, and std::logic_error if `code` changed after another guest booted it.
    Guest(const Kvm& kvm, GuestCode& code);
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    /// Runs until the guest stops by itself: at a doorbell, by HLT, by a triple fault, by a bad access. Returns
    /// StillRunning for a guest that runs in circles, or for about a second.
    Outcome run();
    /// Runs until the guest stops, and returns the guest. Throws UnexpectedOutcome if it does not stop at `bell`.
    Guest& run_to(Doorbell bell);
    /// Delivers the event that is due or, if there is none, executes one instruction. STI, MOV SS and POP SS make one
    /// step with the instruction that follows. Constants in the code cannot be read during a step.
    Step step();

    /// Makes `event` arrive now, as on hardware. The next run or step delivers it as soon as the CPU can. A masked NMI
    /// waits, and a second one is lost; an interrupt waits for RFLAGS.IF. Throws CannotLand where the event cannot
    /// arrive on any CPU. These are an exception while another one is due, and a page fault of an address that the next
    /// instruction does not use.
    void land(const Event& event);
    /// Returns why land() would throw. Empty if the event can land.
    [[nodiscard]] std::optional<std::string> why_not(const Event& event);

    /// Returns the deliveries so far, in order.
    [[nodiscard]] Deliveries deliveries() const;
    /// Returns the deliveries so far with their frames, in order.
    [[nodiscard]] std::vector<DeliveryRecord> records() const;

    [[nodiscard]] kvm_regs registers();
    void set_registers(const kvm_regs& registers);
    [[nodiscard]] kvm_sregs special_registers();
    /// Returns the pending and injected events, and whether NMIs are masked (KVM_GET_VCPU_EVENTS).
    [[nodiscard]] kvm_vcpu_events events();
    /// Returns the address of the next instruction.
    [[nodiscard]] std::uint64_t rip() { return registers().rip; }
    /// Returns the current privilege level.
    [[nodiscard]] unsigned cpl();

    /// Copies guest memory at a guest-virtual address, whatever its access rights. Throws std::out_of_range if not all
    /// of it is mapped.
    void read(std::uint64_t address, std::span<std::byte> to) const;
    void write(std::uint64_t address, std::span<const std::byte> from);
    template <typename T>
    [[nodiscard]] T read(std::uint64_t address) const {
        static_assert(std::is_trivially_copyable_v<T>);
        T value{};
        read(address, std::as_writable_bytes(std::span(&value, 1)));
        return value;
    }
    template <typename T>
    requires std::is_trivially_copyable_v<T>
    void write_value(std::uint64_t address, const T& value) { write(address, std::as_bytes(std::span(&value, 1))); }

    /// Saves the state. restore() may use a snapshot any number of times.
    [[nodiscard]] Snapshot snapshot();
    /// Restores the state of a snapshot of this guest.
    void restore(const Snapshot& snapshot);

    /// Returns registers, events and disassembly, in several lines for people.
    [[nodiscard]] std::string dump();

  private:
    friend vm::Guest& guest_of(Guest& guest);
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gatecrash
