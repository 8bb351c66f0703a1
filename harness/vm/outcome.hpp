#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>

#include "vm/address.hpp"

namespace gatecrash::vm {

/// The guest rang the doorbell (GATECRASH_PORT_*). RIP is behind the OUT.
struct Doorbell {
    std::uint16_t port;
    bool operator==(const Doorbell&) const = default;
};
/// The guest executed HLT. RIP is behind it.
struct Halted {
    bool operator==(const Halted&) const = default;
};
/// The guest triple-faulted. Registers mean nothing.
struct TripleFault {
    bool operator==(const TripleFault&) const = default;
};
/// The guest wrote to read-only memory, or touched guest-physical memory that is not there.
struct BadAccess {
    Physical address;
    bool is_write;
    bool operator==(const BadAccess&) const = default;
};
/// The guest used a port that is no doorbell.
struct BadPort {
    std::uint16_t port;
    bool operator==(const BadPort&) const = default;
};
/// The guest used read-only or absent memory in a way in which KVM cannot carry out an access: executed there, or put a
/// stack there that an event is pushed on.
struct BadUse {
    bool operator==(const BadUse&) const = default;
};
/// The guest was still running when the watchdog looked. Says nothing about the guest: see Guest::run().
struct StillRunning {
    bool operator==(const StillRunning&) const = default;
};

/// How a stretch of guest execution ended. All of it is the guest's doing: a fault of KVM throws.
using Outcome = std::variant<Doorbell, Halted, TripleFault, BadAccess, BadPort, BadUse, StillRunning>;

[[nodiscard]] std::string describe(const Outcome& outcome);

/// KVM failed in a way that is not the guest's doing, or the harness lost track. `what()` includes a vCPU dump.
class MachineFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The CPU refused the state that the guest was to be entered with (KVM_EXIT_FAIL_ENTRY).
class RefusedEntry : public MachineFault {
  public:
    RefusedEntry(const std::string& what, std::uint64_t reason) : MachineFault(what), reason_(reason) {}

    /// The hardware's exit reason.
    [[nodiscard]] std::uint64_t reason() const { return reason_; }

  private:
    std::uint64_t reason_;
};

}  // namespace gatecrash::vm
