// A Linux kernel in a virtual machine of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/boot_image.hpp"
#include "kernel/boot_memory.hpp"
#include "kernel/kernel_state.hpp"
#include "kvm/mapping.hpp"
#include "kvm/system.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"

namespace gatecrash::kernel {

/// Reports a kernel that did not get as far as its init program. The message has the end of the kernel's log.
class BootError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A moment of a KernelGuest.
struct KernelState {
    CpuState cpu;
    MemoryStates::Pages pages;
};

/// Runs an unmodified kernel on one vCPU. A kernel cannot do without some devices of a PC. It has the interrupt
/// controllers and the timer, which KVM emulates, and a serial port.
class KernelGuest {
  public:
    /// Loads the kernel into `memory_size` bytes. Throws ImageError, and kvm::Error.
    KernelGuest(const kvm::System& system, const BootImage& image, const BootInput& input, std::uint64_t memory_size);

    /// Runs until a program at CPL 3 writes to an I/O port from `first` to `last`, and returns the port. The
    /// instruction has completed. Throws BootError if the kernel panics or resets the CPU, or after `seconds` of host
    /// time.
    std::uint16_t run_to_doorbell(std::uint16_t first, std::uint16_t last, unsigned seconds);

    /// Returns the state of the guest as it is now. The first call begins to log which pages the guest writes.
    [[nodiscard]] KernelState save();
    /// Makes the guest what it was at save().
    void restore(const KernelState& state);

    /// Returns the 8 bytes at a virtual address, on the page tables of the vCPU. Nothing if it is not mapped.
    [[nodiscard]] std::optional<std::uint64_t> word_at(vm::Virtual address);
    /// Copies the bytes at a virtual address into `to`, up to the first page that is not mapped. Returns how many.
    std::size_t read(vm::Virtual address, std::span<std::byte> to);
    /// Writes 8 bytes at a virtual address, whatever the guest's rights are. Throws std::out_of_range if nothing is
    /// mapped there.
    void write(vm::Virtual address, std::uint64_t word);
    /// Returns the text that the kernel wrote to the serial port.
    [[nodiscard]] const std::string& serial() const { return serial_; }
    /// Returns the guest-physical memory, from address 0.
    [[nodiscard]] std::span<const std::byte> memory() const { return memory_.bytes(); }
    [[nodiscard]] kvm::Vcpu& cpu() { return cpu_; }

  private:
    [[nodiscard]] std::byte* find(vm::Virtual address);
    [[noreturn]] void fail(const std::string& what);

    posix::FileDescriptor memory_file_;
    kvm::Mapping memory_;
    kvm::Vm vm_;
    kvm::Vcpu cpu_;
    std::optional<MemoryStates> memory_states_;
    std::string serial_;
};

}  // namespace gatecrash::kernel
