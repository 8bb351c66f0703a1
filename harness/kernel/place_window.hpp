// The window of an image between two places of its code.
#pragma once

#include <string>

#include "kernel/image_description.hpp"
#include "kernel/kernel_window.hpp"

namespace gatecrash::kernel {

/// Throws ImageError unless a window can begin or end where the guest is. That is a kernel's code of 32 or 64 bits, in
/// segments without a base. `verb` says which: "begins" or "ends".
void check_mode(KernelGuest& guest, const char* verb);

/// The image has arrived at the first place, and the guest stops at the second one (KernelGuest::stop_at()). What shows
/// that the image lives is its end: it must be that of the run without events, and so must its output.
class PlaceWindow : public KernelWindow {
  public:
    explicit PlaceWindow(const WaitingKernel& kernel) : kernel_(kernel) {}

    /// Runs the image to its end without events, and goes back to the beginning of the window. Also throws ImageError
    /// if the image cannot be swept in this window.
    [[nodiscard]] std::optional<vm::Event> begin() override;
    [[nodiscard]] bool is_end(const Stop& stop) const override { return stop == Stop{Reached{}}; }
    [[nodiscard]] Stop run_on() override;
    [[nodiscard]] std::optional<sweep::Violation> judge(const Stop& stop) const override;
    [[nodiscard]] bool counts_at_end() const override { return false; }
    /// Without a program, the events have no other place to arrive at one after another.
    [[nodiscard]] std::unique_ptr<EndMemory> end_memory(const WindowRun& run) const override;

  private:
    WaitingKernel kernel_;
    Stop end_ = StillRuns{};  ///< without events
    std::string output_;
};

}  // namespace gatecrash::kernel
