// The agent's connection to the outside.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

class Port {
  public:
    Port() = default;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    Port(Port&&) = delete;
    Port& operator=(Port&&) = delete;
    virtual ~Port() = default;

    /// Returns the non-blocking descriptor that bytes come from. It is writable when write() takes some.
    virtual int fd() const = 0;
    /// Returns how many of `bytes` it took, as write(2) does.
    virtual ssize_t write(std::string_view bytes) = 0;
    /// True if the outside sends more only after the agent has reported what it read.
    virtual bool wants_receipts() const = 0;
};

/// A virtio-serial port, which QEMU has.
class VirtioPort : public Port {
  public:
    /// Waits for the port. Throws std::runtime_error if none appears.
    VirtioPort();
    int fd() const override { return port_.get(); }
    ssize_t write(std::string_view bytes) override;
    bool wants_receipts() const override { return false; }

  private:
    posix::FileDescriptor port_;
};

/// The ports that Bochs has. The agent reads from the second serial port, and writes to the parallel port. The serial
/// port could also be written to, but at 11 KiB a second of the machine's own time. The parallel port sends a byte as
/// soon as three instructions have executed.
class SerialPort : public Port {
  public:
    SerialPort();
    int fd() const override { return line_.get(); }
    ssize_t write(std::string_view bytes) override;
    bool wants_receipts() const override { return true; }

  private:
    posix::FileDescriptor line_;
};

}  // namespace gatecrash::machines
