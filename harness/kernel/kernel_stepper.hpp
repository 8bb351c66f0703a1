// Steps a kernel through a window, instruction by instruction.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// Executes single instructions with the trap flag, and hides the flag from the guest
/// (vm/stepping/trap_flag_stepper.cpp has the table of where a guest could see it). It cannot follow the delivery of an
/// exception or an interrupt yet, so nothing may arrive during the steps. The instruction after an STI or a load of SS
/// executes in the same step.
class KernelStepper {
  public:
    explicit KernelStepper(KernelGuest& guest) : guest_(guest) {}
    KernelStepper(const KernelStepper&) = delete;
    KernelStepper& operator=(const KernelStepper&) = delete;
    ~KernelStepper();

    /// Executes the next instruction. Returns false after an instruction that wrote to an I/O port. Throws
    /// BootError for any other exit.
    bool step();

  private:
    void clear_pushed_flag();
    void set_r11_flag(bool on);

    KernelGuest& guest_;
};

}  // namespace gatecrash::kernel
