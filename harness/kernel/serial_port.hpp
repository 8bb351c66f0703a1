// A PC's serial port, as far as a kernel that prints needs it.
#pragma once

#include <cstdint>
#include <optional>

namespace gatecrash::kernel {

/// A 16550A (National Semiconductor's data sheet). It can always send, receives nothing, and raises no interrupt. In
/// loopback mode it receives what it sends, as kernels test it.
class SerialPort {
  public:
    static constexpr std::uint16_t registers = 8;

    /// Writes one of its registers. Returns the byte that is sent, if one is.
    std::optional<std::uint8_t> write(std::uint16_t index, std::uint8_t value);
    [[nodiscard]] std::uint8_t read(std::uint16_t index);

    bool operator==(const SerialPort&) const = default;

  private:
    [[nodiscard]] bool has_divisor() const { return (line_control_ & 0x80) != 0; }

    std::uint8_t divisor_low_ = 1, divisor_high_ = 0, interrupts_ = 0, fifo_control_ = 0, line_control_ = 0,
                 modem_control_ = 0, scratch_ = 0, received_ = 0;
    bool has_received_ = false;
};

}  // namespace gatecrash::kernel
