#pragma once

#include <string>
#include <vector>

#include "kernel/kernel_guest.hpp"
#include "kernel/kernel_subject.hpp"
#include "kernel/poke.hpp"
#include "kernel/saved_kernel.hpp"
#include "kvm/system.hpp"

namespace gatecrash::kernel {

/// A saved kernel in a virtual machine, ready for each of its workloads.
class LoadedKernel {
  public:
    /// Opens the saved kernel in `file`. Of `exits`, those become KernelFacts::exits that are still branches out of the
    /// protected code, since the kernel patches itself when it boots. Throws kvm::Error; and ImageError for a file that
    /// is not one, and for a poke whose symbol does not exist, or where nothing is mapped.
    LoadedKernel(const kvm::System& system, const std::string& file, const std::vector<Poke>& pokes,
                 const std::vector<vm::Virtual>& exits = {});
    LoadedKernel(const LoadedKernel&) = delete;
    LoadedKernel& operator=(const LoadedKernel&) = delete;
    LoadedKernel(LoadedKernel&&) = delete;
    LoadedKernel& operator=(LoadedKernel&&) = delete;
    ~LoadedKernel() = default;

    /// Lets sweeps record which protected code the kernel executes.
    void record_code() { guest_.record_code(facts_.without_breakpoints); }
    [[nodiscard]] const SavedKernelHead& head() const { return saved_.head(); }
    [[nodiscard]] WaitingKernel waiting() { return {guest_, facts_, symbols_, state_}; }
    [[nodiscard]] const vm::SymbolTable& symbols() const { return symbols_; }

  private:
    KernelFile saved_;
    vm::SymbolTable symbols_;  ///< most sweeps need no symbol before their first finding
    KernelGuest guest_;
    KernelFacts facts_;
    KernelState state_;
};

}  // namespace gatecrash::kernel
