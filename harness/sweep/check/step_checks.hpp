// Checks that need a stepped run: they name the instruction that breaks a rule. FrameTracker is another one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/check/kept_state.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// Compares what code finds when it is returned to with what it had when it was left: user code in any case, and kernel
/// code that is returned to through the frame that the CPU pushed. For user code a value may also be any that the run
/// without events has at CPL 3.
class ReturnCheck {
  public:
    /// `known`: the states of user code in the run without events; empty while that is not known.
    explicit ReturnCheck(const std::optional<std::vector<KeptState>>& known) : known_(known) {}

    /// A difference at one return. A kernel may switch tasks in between: unless it is certain that a rule is broken,
    /// the end of the run decides. It is certain if user code has the kernel's own GS base or page tables, if the run
    /// without events is known, or if kernel code does not have its GS base or page tables again.
    struct Difference {
        Violation violation;
        bool breaks_rule;
    };

    void before(vm::Guest& guest);
    /// `interrupted`: FrameTracker::returned_to() for this step.
    [[nodiscard]] std::optional<Difference> after(vm::Guest& guest, const vm::Step& step, const KeptState* interrupted);
    /// Whether the latest step returned to CPL 3.
    [[nodiscard]] bool returned_to_user() const { return returned_to_user_; }
    /// "the IRETQ at entry_nmi+0x9" for the latest return to CPL 3; empty if there was none.
    [[nodiscard]] const std::string& last_return() const { return last_return_; }

  private:
    const std::optional<std::vector<KeptState>>& known_;
    std::optional<KeptState> left_;  ///< of the user code that the kernel was entered from
    bool was_user_ = false;          ///< before the current step
    bool returned_to_user_ = false;
    vm::Virtual rip_{};  ///< of the last instruction of the current step
    std::string last_return_;
};

/// I3: the kernel, on the user's page tables, uses what only its own map. No handler can put that right, as its body is
/// not mapped either. If the access is a push, the #PF cannot be delivered, and becomes a #DF.
class PageTableCheck {
  public:
    void before(vm::Guest& guest);
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);

  private:
    vm::Virtual rip_{};  ///< of the current step
    std::uint64_t cr3_ = 0;
    std::string loaded_by_;  ///< the instruction that loaded CR3; empty: none in this window
};

/// I4: an instruction overwrites the canary of a stack.
class CanaryCheck {
  public:
    /// A canary that is overwritten already says nothing.
    explicit CanaryCheck(vm::Guest& guest);

    void before(vm::Guest& guest);
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);

  private:
    bool were_intact_;
    bool may_write_ = false;  ///< the current step
    vm::Virtual rip_{};       ///< of the current step
};

}  // namespace gatecrash::sweep
