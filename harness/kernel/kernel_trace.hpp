#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/event.hpp"
#include "kernel/kernel_stacks.hpp"
#include "kernel/kernel_stepper.hpp"
#include "sweep/trace/frames.hpp"
#include "sweep/trace/item.hpp"

namespace gatecrash::kernel {

/// Traces the steps of a kernel.
class KernelTrace {
  public:
    /// All of them outlive the trace. Without a sink it does nothing.
    KernelTrace(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols,
                const sweep::TraceSink& sink);
    KernelTrace(const KernelTrace&) = delete;
    KernelTrace& operator=(const KernelTrace&) = delete;
    ~KernelTrace() = default;

    void lands(vm::Event event);
    /// Call these around each step.
    void before_step();
    void after_step(const KernelStepper::Step& step);

  private:
    [[nodiscard]] sweep::FrameReader reader();
    [[nodiscard]] bool is_kernels(std::uint64_t address) const;
    [[nodiscard]] std::string name_of(std::uint64_t address) const;
    [[nodiscard]] std::string name_in_text(const vm::NamedAddress& at) const;
    [[nodiscard]] std::vector<std::string> operands_of(std::span<const std::byte> code);
    void delivers(std::uint8_t vector);

    KernelGuest& guest_;
    const KernelFacts& facts_;
    const vm::SymbolTable& symbols_;
    const sweep::TraceSink& sink_;
    KernelStacks stacks_;
    sweep::TraceFrames frames_;
    std::uint64_t number_ = 0;
    bool has_landed_db_ = false;       ///< just before this step
    sweep::TracedInstruction item_{};  ///< the instruction of the step
    kvm_regs before_{};
    kvm_sregs sregs_before_{};
};

}  // namespace gatecrash::kernel
