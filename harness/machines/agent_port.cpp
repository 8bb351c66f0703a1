#include "machines/agent_port.hpp"

#include <fcntl.h>
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "machines/protocol.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// Bits of the status and control registers of a parallel port.
constexpr unsigned char status_ready = 1U << 7 | 1U << 4;  ///< not busy, selected
constexpr unsigned char control_strobe = 1U << 0;
constexpr unsigned char control_reset = 1U << 3;                  ///< selected, and being initialized
constexpr unsigned char control_ready = control_reset | 1U << 2;  ///< initialized

/// Waits for the port: devices appear some time after their driver was loaded.
posix::FileDescriptor open_virtio_port() {
    using namespace std::chrono_literals;
    for (int attempt = 0; attempt < 3000; ++attempt) {
        if (fs::exists("/sys/class/virtio-ports")) {
            for (const auto& port : fs::directory_iterator("/sys/class/virtio-ports")) {
                std::string name;
                std::getline(std::ifstream(port.path() / "name"), name);
                if (name == port_name) return posix::open_file("/dev" / port.path().filename(), O_RDWR | O_NONBLOCK);
            }
        }
        std::this_thread::sleep_for(10ms);
    }
    throw std::runtime_error("no virtio-serial port appeared");
}

}  // namespace

VirtioPort::VirtioPort() : port_(open_virtio_port()) {}

ssize_t VirtioPort::write(std::string_view bytes) { return ::write(port_.get(), bytes.data(), bytes.size()); }

SerialPort::SerialPort() : line_(posix::open_file("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    termios mode{};
    if (::tcgetattr(line_.get(), &mode) != 0) posix::throw_errno("the second serial port");
    ::cfmakeraw(&mode);
    ::cfsetspeed(&mode, B115200);
    mode.c_cflag |= CLOCAL;
    if (::tcsetattr(line_.get(), TCSANOW, &mode) != 0) posix::throw_errno("the second serial port");
    if (::ioperm(parallel_port, 3, 1) != 0) posix::throw_errno("the parallel port");
    outb(control_reset, parallel_port + 2);
    outb(control_ready, parallel_port + 2);
    // Reads the status until the port is ready: Bochs's printer ends its initialization only when somebody looks.
    for (int look = 0; (inb(parallel_port + 1) & status_ready) != status_ready; ++look) {
        if (look == 1000) throw std::runtime_error("the parallel port does not become ready");
    }
}

ssize_t SerialPort::write(std::string_view bytes) {
    for (const char byte : bytes) {
        outb(static_cast<unsigned char>(byte), parallel_port);
        outb(control_ready | control_strobe, parallel_port + 2);
        outb(control_ready, parallel_port + 2);
    }
    return static_cast<ssize_t>(bytes.size());
}

}  // namespace gatecrash::machines
