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
    /// Throws kvm::Error; and ImageError for a poke whose symbol does not exist, or where nothing is mapped.
    LoadedKernel(const kvm::System& system, SavedKernel saved, const std::vector<Poke>& pokes);

    [[nodiscard]] WaitingKernel waiting() { return {guest_, saved_.head.facts, symbols_, state_}; }
    [[nodiscard]] const vm::SymbolTable& symbols() const { return symbols_; }

  private:
    SavedKernel saved_;
    vm::SymbolTable symbols_;
    KernelGuest guest_;
    KernelState state_;
};

}  // namespace gatecrash::kernel
