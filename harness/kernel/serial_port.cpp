#include "kernel/serial_port.hpp"

namespace gatecrash::kernel {
namespace {

enum SerialRegister : std::uint16_t {
    data,
    interrupts,
    fifo,
    line_control,
    modem_control,
    line_status,
    modem_status,
    scratch
};
// Bits of the registers that their names begin with.
constexpr std::uint8_t modem_loopback = 0x10, line_received = 0x01, line_can_send = 0x60;
constexpr std::uint8_t modem_is_ready = 0xb0;  // carrier, DSR and CTS
constexpr std::uint8_t fifo_no_interrupt = 0x01, fifo_is_there = 0xc0, fifo_use = 0x01;

}  // namespace

std::optional<std::uint8_t> SerialPort::write(std::uint16_t index, std::uint8_t value) {
    switch (index) {
        case data:
            if (has_divisor()) {
                divisor_low_ = value;
            } else if ((modem_control_ & modem_loopback) != 0) {
                received_ = value;
                has_received_ = true;
            } else {
                return value;
            }
            break;
        case interrupts:
            (has_divisor() ? divisor_high_ : interrupts_) = value;
            break;
        case fifo:
            fifo_control_ = value;
            break;
        case line_control:
            line_control_ = value;
            break;
        case modem_control:
            modem_control_ = value;
            break;
        case scratch:
            scratch_ = value;
            break;
        default:
            break;
    }
    return std::nullopt;
}

std::uint8_t SerialPort::read(std::uint16_t index) {
    switch (index) {
        case data:
            if (has_divisor()) return divisor_low_;
            has_received_ = false;
            return received_;
        case interrupts:
            return has_divisor() ? divisor_high_ : interrupts_;
        case fifo:
            return (fifo_control_ & fifo_use) != 0 ? fifo_no_interrupt | fifo_is_there : fifo_no_interrupt;
        case line_control:
            return line_control_;
        case modem_control:
            return modem_control_;
        case line_status:
            return has_received_ ? line_can_send | line_received : line_can_send;
        case modem_status: {
            if ((modem_control_ & modem_loopback) == 0) return modem_is_ready;
            // The outputs DTR, RTS, OUT1 and OUT2 arrive at the inputs DSR, CTS, RI and DCD.
            const unsigned outputs = modem_control_;
            return static_cast<std::uint8_t>((outputs & 1) << 5 | (outputs & 2) << 3 | (outputs & 4) << 4 |
                                             (outputs & 8) << 4);
        }
        default:
            return scratch_;
    }
}

}  // namespace gatecrash::kernel
