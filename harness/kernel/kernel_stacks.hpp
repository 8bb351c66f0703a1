#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/abi.h"
#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// Names the stacks of a kernel. It finds those of the TSS, and with KernelFacts the stacks of tasks and interrupts.
class KernelStacks {
  public:
    /// Both must outlive it.
    KernelStacks(KernelGuest& guest, const KernelFacts& facts) : guest_(guest), facts_(facts) {}

    /// Returns the name of the stack that `rsp` points into, or "?". Every stack of programs is "user". "entry" is
    /// the stack of RSP0, "task" that of the current task, "irq" that of interrupts. An IST stack has the name of the
    /// exception that uses it, as "nmi" and "db", or of its slot, as "ist5".
    [[nodiscard]] std::string stack_of(std::uint64_t rsp);

    /// Returns the stacks as they are now, lowest first.
    [[nodiscard]] std::span<const abi::Stack> all() {
        find();
        return stacks_;
    }

  private:
    void find();
    void find_ists();
    void add(const std::string& name, std::uint64_t top);

    KernelGuest& guest_;
    const KernelFacts& facts_;
    std::vector<abi::Stack> stacks_;  ///< as they were found last, lowest first
};

}  // namespace gatecrash::kernel
