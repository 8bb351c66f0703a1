#include "vm/quirks/nmi_mask.hpp"

#include <array>
#include <cstring>

#include "vm/guest.hpp"

namespace gatecrash::vm::quirks {

void unmask_nmis(Guest& guest) {
    if (!guest.repairs().nmi_mask || guest.cpu().events().nmi.masked == 0) return;
    constexpr std::array iretq{std::byte{0x48}, std::byte{0xcf}};
    const auto code = std::span(iretq).subspan(guest.image().is_64_bit() ? 0 : 1);
    const auto& harness = guest.harness_code();
    const std::array<std::uint64_t, 5> frame{number(harness.address()) + code.size(), GATECRASH_KERNEL_CS, 2, 0, 0};
    const auto word_size = guest.image().word_size;
    for (std::size_t i = 0; i < frame.size(); ++i) {
        std::memcpy(harness.frame().data() + i * word_size, &frame.at(i), word_size);
    }
    kvm_regs regs{};
    regs.rsp = number(harness.frame_address());
    guest.execute(code, regs);
}

}  // namespace gatecrash::vm::quirks
