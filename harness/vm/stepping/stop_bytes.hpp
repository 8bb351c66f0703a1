// Bytes that stop a guest wherever control goes.
#pragma once

#include <cstddef>
#include <vector>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {

class Guest;

inline constexpr std::byte halt_byte{0xf4};
/// OUT imm8, with the same byte as the immediate. The I/O bitmap opens that port to CPL 3, where HLT would fault.
inline constexpr std::byte out_byte{0xe6};
static_assert(GATECRASH_PORT_STOP == 0xe6);
inline constexpr std::size_t out_length = 2;

/// Returns the stop bytes for a segment, none if it is not executable.
///
/// HLT costs one KVM_RUN less than OUT. But after it KVM must know its length, and without NRIPS (QEMU's SVM) KVM reads
/// the HLT from memory. In legacy mode KVM may then use page tables of some earlier CR3. QEMU 7.2 sets the accessed bit
/// in the entries of a PAE root, where it is reserved, and KVM does not accept such entries. So 32-bit guests have OUT.
///
/// If they are OUT, the bytes of a kernel instruction after its second are HLT. A CPU stops at the first byte anyway.
/// But QEMU translates on to an instruction that ends a block, which OUT does not.
[[nodiscard]] std::vector<std::byte> stop_bytes_for(const Guest& guest, const Segment& segment);

}  // namespace gatecrash::vm
