// The ways in which a stretch of guest execution can end, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "gatecrash/abi.h"
#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// The guest rang the doorbell, by OUT of AL to a port that stops it. RIP is after the OUT.
struct Doorbell {
    std::uint16_t port;  ///< one of GATECRASH_PORT_*

    static constexpr Doorbell begin() { return {GATECRASH_PORT_BEGIN}; }
    static constexpr Doorbell end() { return {GATECRASH_PORT_END}; }
    static constexpr Doorbell done() { return {GATECRASH_PORT_DONE}; }
    /// A vector without a handler rings this one.
    static constexpr Doorbell fatal() { return {GATECRASH_PORT_FATAL}; }

    bool operator==(const Doorbell&) const = default;
};
/// The guest executed HLT. RIP is after it.
struct Halted {
    bool operator==(const Halted&) const = default;
};
/// The guest triple-faulted. Its registers mean nothing.
struct TripleFault {
    bool operator==(const TripleFault&) const = default;
};
/// The guest wrote to read-only memory, or touched guest-physical memory that does not exist.
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
/// The guest used read-only or absent memory in a way that KVM cannot carry out. It executed code there, or the CPU
/// pushed an event on a stack there.
struct BadUse {
    bool operator==(const BadUse&) const = default;
};
/// Each delivery of #DB met a watchpoint, and so caused the next #DB. KVM gave up. Without KVM the CPU never executes
/// another instruction (CVE-2015-8104).
struct NestedDebugException {
    bool operator==(const NestedDebugException&) const = default;
};
/// The guest was still running when the watchdog looked. This says nothing about the guest: a busy host may not have
/// given it enough time.
struct StillRunning {
    bool operator==(const StillRunning&) const = default;
};

/// The end of a stretch of guest execution. The guest caused each of these: a fault of KVM throws.
using Outcome =
    std::variant<Doorbell, Halted, TripleFault, BadAccess, BadPort, BadUse, NestedDebugException, StillRunning>;

/// Describes an outcome in a few words, such as "doorbell END" or "triple fault".
[[nodiscard]] std::string describe(const Outcome& outcome);

}  // namespace gatecrash::vm

namespace gatecrash {

using vm::BadAccess, vm::BadPort, vm::BadUse, vm::Doorbell, vm::Halted, vm::NestedDebugException;
using vm::Outcome, vm::StillRunning, vm::TripleFault;

}  // namespace gatecrash
