// An assembler for guests. It needs the headers of xbyak (Debian: libxbyak-dev), which has no pkg-config file.
#pragma once

#include <xbyak/xbyak.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "gatecrash/outcome.hpp"

namespace gatecrash {

/// xbyak's assembler, with the instructions that kernels use and xbyak lacks. It throws Xbyak::Error.
class Code : public Xbyak::CodeGenerator {
  public:
    /// Assembles at most `max_size` bytes, which the guest has at guest-virtual `address`. Only here() uses the
    /// address.
    explicit Code(std::size_t max_size, std::uint64_t address = 0) : CodeGenerator(max_size), address_(address) {}

    /// Returns the guest-virtual address of the next instruction. The CPU pushes it as RIP if an event lands there.
    [[nodiscard]] std::uint64_t here() const { return address_ + getSize(); }

    /// Rings a doorbell, which ends the run of the guest. Changes no register.
    void ring(Doorbell bell) { doorbell(static_cast<std::uint8_t>(bell.port)); }
    /// Rings the doorbell `port`, one of GATECRASH_PORT_*. Changes no register.
    void doorbell(std::uint8_t port) { out_(port, al); }

    void bytes(std::initializer_list<int> values) {
        for (const int value : values) db(value);
    }
    void iret() { bytes({0xcf}); }
    void iretq() { bytes({0x48, 0xcf}); }
    void sysretq() { bytes({0x48, 0x0f, 0x07}); }
    void sysretl() { bytes({0x0f, 0x07}); }
    void sysenter() { bytes({0x0f, 0x34}); }
    void sysexitq() { bytes({0x48, 0x0f, 0x35}); }
    void retfq() { bytes({0x48, 0xcb}); }
    void swapgs() { bytes({0x0f, 0x01, 0xf8}); }
    void mov_rax_cr4() { bytes({0x0f, 0x20, 0xe0}); }
    void mov_cr4_rax() { bytes({0x0f, 0x22, 0xe0}); }
    void setssbsy() { bytes({0xf3, 0x0f, 0x01, 0xe8}); }
    void clrssbsy_at_rax() { bytes({0xf3, 0x0f, 0xae, 0x30}); }
    void rdsspq_rax() { bytes({0xf3, 0x48, 0x0f, 0x1e, 0xc8}); }

  private:
    std::uint64_t address_;
};

}  // namespace gatecrash
