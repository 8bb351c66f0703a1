// The deliveries that a guest recorded, as plain values.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "gatecrash/abi.h"

namespace gatecrash {

/// A vector of the IDT. Other vectors of external interrupts have no name: write Vector{0x40}.
enum class Vector : std::uint8_t {
    de = GATECRASH_VECTOR_DE,
    db = GATECRASH_VECTOR_DB,
    nmi = GATECRASH_VECTOR_NMI,
    bp = GATECRASH_VECTOR_BP,
    of = GATECRASH_VECTOR_OF,
    br = GATECRASH_VECTOR_BR,
    ud = GATECRASH_VECTOR_UD,
    nm = GATECRASH_VECTOR_NM,
    df = GATECRASH_VECTOR_DF,
    ts = GATECRASH_VECTOR_TS,
    np = GATECRASH_VECTOR_NP,
    ss = GATECRASH_VECTOR_SS,
    gp = GATECRASH_VECTOR_GP,
    pf = GATECRASH_VECTOR_PF,
    mf = GATECRASH_VECTOR_MF,
    ac = GATECRASH_VECTOR_AC,
    mc = GATECRASH_VECTOR_MC,
    xm = GATECRASH_VECTOR_XM,
    ve = GATECRASH_VECTOR_VE,
    cp = GATECRASH_VECTOR_CP,
    hv = GATECRASH_VECTOR_HV,
    vc = GATECRASH_VECTOR_VC,
    sx = GATECRASH_VECTOR_SX,
    irq = GATECRASH_DEFAULT_IRQ,  ///< the default vector of Event::irq()
};

/// One entry into a handler.
struct Delivery {
    Vector vector{};
    std::uint64_t where = 0;                    ///< the RIP that the CPU pushed, to which the handler returns
    unsigned cpl = 0;                           ///< the privilege level that was interrupted, 0 or 3
    std::optional<std::uint32_t> error_code{};  ///< empty for a vector that has none

    bool operator==(const Delivery&) const = default;
};
using Deliveries = std::vector<Delivery>;

/// A delivery with the whole frame that the CPU pushed, and CR2 and DR6 as the handler read them.
struct DeliveryRecord {
    Delivery delivery;
    std::uint64_t cs = 0, rflags = 0, rsp = 0, ss = 0;
    std::uint64_t frame = 0;  ///< guest-virtual address of the pushed RIP
    std::uint64_t cr2 = 0;
    std::uint64_t dr6 = 0;  ///< 0 for vectors other than #DB
};

/// Returns a vector's name, such as "#PF", "NMI" or "vector 0x40".
[[nodiscard]] std::string to_string(Vector vector);
/// Returns a line such as "#PF at 0xffffffff80010042, CPL 0, error code 0x2".
[[nodiscard]] std::string to_string(const Delivery& delivery);
std::ostream& operator<<(std::ostream& out, Vector vector);
std::ostream& operator<<(std::ostream& out, const Delivery& delivery);

}  // namespace gatecrash
