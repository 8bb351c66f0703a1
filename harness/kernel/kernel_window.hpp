// The window of a kernel that is swept: where it begins and ends, and what shows afterwards that the kernel lives.
#pragma once

#include <memory>
#include <optional>

#include "gatecrash/event.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"
#include "sweep/check/invariant.hpp"

namespace gatecrash::kernel {

/// A kernel that waits in the state from which its windows begin.
struct WaitingKernel {
    KernelGuest& guest;  ///< watches `facts`
    const KernelFacts& facts;
    const vm::SymbolTable& symbols;
    const KernelState& state;
};

/// The run without events through a window.
struct WindowRun {
    KernelState begin;
    std::optional<vm::Event> opening;  ///< lands at `begin`
    KernelState end;
};

class EndMemory;

class KernelWindow {
  public:
    KernelWindow() = default;
    KernelWindow(const KernelWindow&) = delete;
    KernelWindow& operator=(const KernelWindow&) = delete;
    virtual ~KernelWindow() = default;

    /// Lets the guest run from WaitingKernel::state to the beginning of the window. Returns the event that opens it, if
    /// one does. Throws ImageError if the kernel does not get there.
    [[nodiscard]] virtual std::optional<vm::Event> begin() = 0;
    [[nodiscard]] virtual bool is_end(const Stop& stop) const = 0;
    /// Lets the guest run on from the end of the window, until the kernel has shown that it lives, or stops in another
    /// way.
    [[nodiscard]] virtual Stop run_on() = 0;
    /// Says what is wrong with the stop of run_on(), or nothing.
    [[nodiscard]] virtual std::optional<sweep::Violation> judge(const Stop& stop) const = 0;
    /// True if the kernel has counted all events by the end of the window. Otherwise it has after run_on().
    [[nodiscard]] virtual bool counts_at_end() const = 0;
    /// Returns what compares the kernel's memory at the end of the window with that of `run`, where the guest is or
    /// was. It is empty if nothing can tell what the memory should be. `run` must outlive the result.
    [[nodiscard]] virtual std::unique_ptr<EndMemory> end_memory(const WindowRun& run) const = 0;
};

}  // namespace gatecrash::kernel
