#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_stepper.hpp"
#include "vm/code_set.hpp"

namespace gatecrash::kernel {

/// Goes from each boundary in some text to the next one. Other code runs freely if a call leads there. Programs are
/// always stepped.
class KernelWalk {
  public:
    /// `text` is where boundaries count; empty: everywhere. `calls` have not returned where the walk begins. With
    /// `handles_db`, a #DB is being handled there. The references must outlive the walk.
    KernelWalk(KernelGuest& guest, const KernelFacts& facts, const std::vector<AddressRange>& text,
               std::vector<Call> calls, bool handles_db);

    /// Makes one step, and runs what follows freely up to a boundary in the text, if that is possible.
    [[nodiscard]] KernelStepper::Step step();

    /// True if the boundary that is reached counts.
    [[nodiscard]] bool is_in_text() const { return is_text(guest_.rip()); }
    /// Returns the calls into code that runs freely, outermost first.
    [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }
    /// True if a #DB has been delivered, and its handler has not returned.
    [[nodiscard]] bool handles_db() const { return handles_db_; }
    /// See KernelStepper.
    [[nodiscard]] bool has_flag() const { return stepper_.has_flag(); }
    /// Returns the instructions of the text that were executed, but none of programs.
    [[nodiscard]] const vm::CodeSet& executed() const { return executed_; }
    /// True if the guest may have written memory since the last call.
    [[nodiscard]] bool take_written() { return std::exchange(has_written_, false); }

  private:
    [[nodiscard]] KernelStepper::Step step_over_calls();
    [[nodiscard]] bool is_text(vm::Virtual address) const;
    [[nodiscard]] bool is_stepped() const;
    void follow_db(const KernelStepper::Step& step);

    KernelGuest& guest_;
    const std::vector<AddressRange>& text_;
    KernelStepper stepper_;
    std::vector<Call> calls_;
    std::vector<vm::Virtual> places_;  ///< text that a free run can reach inside a call
    bool handles_db_;
    std::uint64_t returns_to_ = 0, returns_with_ = 0;  ///< RIP and RSP after the handler of the last #DB
    bool has_written_ = true;
    vm::CodeSet executed_;
};

}  // namespace gatecrash::kernel
