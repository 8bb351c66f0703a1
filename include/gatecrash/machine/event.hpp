#pragma once

#include <cstdint>
#include <string>

#include "gatecrash/abi.h"

namespace gatecrash::machine {

/// What can land on a boundary.
struct Event {
    enum class Kind : std::uint8_t { nmi, irq };

    Kind kind = Kind::nmi;
    std::uint8_t vector = GATECRASH_VECTOR_NMI;  ///< the gate it is delivered through

    static constexpr Event nmi() { return {Kind::nmi, GATECRASH_VECTOR_NMI}; }
    /// An external interrupt. Vectors below 32 are legal here as they are on hardware (SDM volume 3, 6.8.1).
    static constexpr Event irq(std::uint8_t vector = GATECRASH_DEFAULT_IRQ) { return {Kind::irq, vector}; }

    bool operator==(const Event&) const = default;
};

}  // namespace gatecrash::machine
