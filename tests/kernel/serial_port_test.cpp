#include "kernel/serial_port.hpp"

#include <gtest/gtest.h>

namespace gatecrash::kernel {
namespace {

constexpr std::uint16_t data = 0, interrupts = 1, line_control = 3, modem_control = 4, line_status = 5,
                        modem_status = 6, scratch = 7;

TEST(SerialPort, SendsWhatIsWritten) {
    SerialPort port;
    EXPECT_EQ(port.read(line_status), 0x60);
    EXPECT_EQ(port.write(data, 'x'), 'x');
    EXPECT_EQ(port.read(line_status), 0x60);
}

TEST(SerialPort, TakesADivisorForNoData) {
    SerialPort port;
    (void)port.write(line_control, 0x80);
    EXPECT_EQ(port.write(data, 3), std::nullopt);
    EXPECT_EQ(port.write(interrupts, 1), std::nullopt);
    EXPECT_EQ(port.read(data), 3);
    EXPECT_EQ(port.read(interrupts), 1);
    (void)port.write(line_control, 3);
    EXPECT_EQ(port.read(interrupts), 0);
    EXPECT_EQ(port.write(data, 'y'), 'y');
}

/// Kernels look in this way whether there is a port.
TEST(SerialPort, ReceivesWhatItSendsInLoopbackMode) {
    SerialPort port;
    (void)port.write(modem_control, 0x1e);
    EXPECT_EQ(port.read(modem_status), 0xd0);
    EXPECT_EQ(port.write(data, 0xae), std::nullopt);
    EXPECT_EQ(port.read(line_status), 0x61);
    EXPECT_EQ(port.read(data), 0xae);
    EXPECT_EQ(port.read(line_status), 0x60);
    (void)port.write(modem_control, 0x0f);
    EXPECT_EQ(port.write(data, 'z'), 'z');
}

TEST(SerialPort, KeepsItsScratchRegister) {
    SerialPort port;
    (void)port.write(scratch, 0x5a);
    EXPECT_EQ(port.read(scratch), 0x5a);
}

}  // namespace
}  // namespace gatecrash::kernel
