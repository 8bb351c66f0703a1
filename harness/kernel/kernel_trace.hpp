#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/kernel_stacks.hpp"
#include "kernel/kernel_stepper.hpp"
#include "sweep/replay.hpp"

namespace gatecrash::kernel {

/// Returns the line that a trace has before each instruction, with the address of that. It is for programs, which can
/// show the source there.
[[nodiscard]] std::string address_line(vm::Virtual address);
/// Returns the address in such a line, or nothing if `line` is another one.
[[nodiscard]] std::optional<vm::Virtual> address_in(std::string_view line);

/// Writes the steps of a kernel for people. Each instruction has a line, with the registers that it changed. So has
/// each event that lands, and each frame that the CPU pushes.
class KernelTrace {
  public:
    /// All of them outlive the trace. Without a sink it does nothing.
    KernelTrace(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols,
                const sweep::TraceSink& sink);

    void lands(vm::Event event);
    /// Call these around each step.
    void before_step();
    void after_step(const KernelStepper::Step& step);

  private:
    [[nodiscard]] bool is_kernels(std::uint64_t address) const;
    [[nodiscard]] std::string name_of(std::uint64_t address) const;

    KernelGuest& guest_;
    const KernelFacts& facts_;
    const vm::SymbolTable& symbols_;
    const sweep::TraceSink& sink_;
    KernelStacks stacks_;
    std::uint64_t number_ = 0;
    bool has_landed_ = false;
    std::string line_;
    kvm_regs before_{};
    std::uint64_t cr3_ = 0;
};

}  // namespace gatecrash::kernel
