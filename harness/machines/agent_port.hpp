// How the agent reaches the outside.
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

    /// Where bytes come from; non-blocking. Writable when write() takes some.
    virtual int fd() const = 0;
    /// How many of `bytes` it took, as write(2).
    virtual ssize_t write(std::string_view bytes) = 0;
    /// Whether the outside has to be told what was read before it sends more.
    virtual bool wants_receipts() const = 0;
};

/// A virtio-serial port: QEMU has it.
class VirtioPort : public Port {
  public:
    /// Waits for the port. Throws std::runtime_error when none appears.
    VirtioPort();
    int fd() const override { return port_.get(); }
    ssize_t write(std::string_view bytes) override;
    bool wants_receipts() const override { return false; }

  private:
    posix::FileDescriptor port_;
};

/// What Bochs has: the second serial port to read from. That would do for writing too, at 11 KiB a second of the
/// machine's own time; a byte for the parallel port is on its way as soon as three instructions have executed.
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
