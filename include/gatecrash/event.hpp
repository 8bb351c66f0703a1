// Events that can happen to a guest from outside, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gatecrash/abi.h"

namespace gatecrash::vm {

/// An event that can land on a boundary. The harness has a row for each kind in landing/event_kind.hpp.
struct Event {
    enum class Kind : std::uint8_t {
        nmi,    ///< a non-maskable interrupt
        irq,    ///< an external interrupt
        db,     ///< a debug exception: DR0 has a breakpoint on the instruction at the boundary, or a watchpoint on
                ///< `address`, which that instruction uses; it is disarmed before the handler runs
        watch,  ///< a debugger arms a watchpoint on `address`, in the guest's own DR0 and DR7. From then on the CPU
                ///< raises the #DBs, until the guest disarms it
        mc,     ///< a machine check: an uncorrected error in bank 0
        pf,     ///< a page fault: the page of the instruction, or of the `address` that it uses, is not present yet
        ve,     ///< a virtualization exception (TDX): the hypervisor has not mapped the instruction's page
        hv,     ///< an event from a hypervisor (SEV-SNP, restricted injection): like an NMI, but nothing masks it
        vc,     ///< a VMM communication exception (SEV-ES): the instruction's page is not validated
    };
    static constexpr std::size_t kinds = 9;

    Kind kind = Kind::nmi;
    std::uint8_t vector = GATECRASH_VECTOR_NMI;  ///< the gate that delivers it
    /// For a page fault: the address that the instruction at the boundary fails to use; empty means the instruction
    /// itself. For a debug exception: the byte that is watched; empty means a breakpoint on the instruction. For a
    /// watchpoint: the byte that is watched.
    std::optional<std::uint64_t> address = std::nullopt;

    static constexpr Event nmi() { return {Kind::nmi, GATECRASH_VECTOR_NMI}; }
    /// Vectors below 32 are legal here as they are on hardware (SDM volume 3, 6.8.1).
    static constexpr Event irq(std::uint8_t vector = GATECRASH_DEFAULT_IRQ) { return {Kind::irq, vector}; }
    static constexpr Event db(std::optional<std::uint64_t> address = std::nullopt) {
        return {Kind::db, GATECRASH_VECTOR_DB, address};
    }
    static constexpr Event watch(std::uint64_t address) { return {Kind::watch, GATECRASH_VECTOR_DB, address}; }
    static constexpr Event mc() { return {Kind::mc, GATECRASH_VECTOR_MC}; }
    static constexpr Event pf(std::optional<std::uint64_t> address = std::nullopt) {
        return {Kind::pf, GATECRASH_VECTOR_PF, address};
    }
    static constexpr Event ve() { return {Kind::ve, GATECRASH_VECTOR_VE}; }
    static constexpr Event hv() { return {Kind::hv, GATECRASH_VECTOR_HV}; }
    static constexpr Event vc() { return {Kind::vc, GATECRASH_VECTOR_VC}; }

    /// True if the event comes after the instruction at its boundary: a data breakpoint traps (SDM volume 3, 17.3.1.2).
    [[nodiscard]] constexpr bool is_trap() const { return kind == Kind::db && address.has_value(); }

    bool operator==(const Event&) const = default;
};

}  // namespace gatecrash::vm

namespace gatecrash {

using vm::Event;

}  // namespace gatecrash
