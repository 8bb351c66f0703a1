#pragma once

#include <memory>
#include <span>

#include "gatecrash/event.hpp"
#include "kernel/image_window.hpp"
#include "kernel/kernel_window.hpp"
#include "kvm/system.hpp"

namespace gatecrash::kernel {

/// Says what of an image is swept.
struct ImageSweep {
    ImageSetup setup;
    ImageWindow window;
    unsigned seconds = 0;  ///< patience with the boot up to the window, in host time

    bool operator==(const ImageSweep&) const = default;
};

/// An image in a virtual machine, at the beginning of its window.
class LoadedImage {
  public:
    /// Boots the image up to the first time that it is at the beginning of the window. Throws ImageError if it does not
    /// get there, or if it cannot be swept there with `events`; and kvm::Error.
    LoadedImage(const kvm::System& system, const ImageSweep& sweep, std::span<const vm::Event> events);

    [[nodiscard]] WaitingKernel waiting() { return {guest_, places_.facts, file_.symbols, state_}; }
    [[nodiscard]] std::unique_ptr<KernelWindow> window();

  private:
    void boot(const ImageSweep& sweep);
    void check_state(std::span<const vm::Event> events);
    void check_gates(std::span<const vm::Event> events);
    [[nodiscard]] bool comes_from_8259(const vm::Event& event);

    ImageFile file_;
    ImagePlaces places_;
    KernelGuest guest_;
    KernelState state_;
};

}  // namespace gatecrash::kernel
