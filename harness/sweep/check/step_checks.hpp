// Checks that need a stepped run: they name the instruction that breaks a rule. FrameTracker is another such check.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/check/kept_state.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// Checks each return from the kernel: the interrupted code must find the registers that it had before. That covers all
/// user code, and kernel code to which the frame returns that the CPU pushed. User code may also have any value that it
/// has in the run without events.
class ReturnCheck {
  public:
    /// `known` holds the states of user code in the run without events; empty while they are unknown.
    explicit ReturnCheck(const std::optional<std::vector<KeptState>>& known) : known_(known) {}

    /// A difference at one return. The kernel may have switched tasks in between, so usually the end of the run decides
    /// whether a rule is broken. The difference alone proves it if
    /// - user code has the kernel's own GS base or page tables, or
    /// - kernel code finds another GS base or other page tables, or
    /// - the run without events is known.
    struct Difference {
        Violation violation;
        bool breaks_rule;
    };

    void before(vm::Guest& guest);
    /// Checks the step that before() prepared for. `interrupted` is FrameTracker::returned_to() for this step.
    [[nodiscard]] std::optional<Difference> after(vm::Guest& guest, const vm::Step& step, const KeptState* interrupted);
    /// True if the latest step returned to CPL 3.
    [[nodiscard]] bool returned_to_user() const { return returned_to_user_; }
    /// Names the instruction of the latest return to CPL 3, such as "the IRETQ at entry_nmi+0x9". Empty if there was
    /// none.
    [[nodiscard]] const std::string& last_return() const { return last_return_; }

  private:
    const std::optional<std::vector<KeptState>>& known_;
    std::optional<KeptState> left_;  ///< state of the user code from which the kernel was entered
    bool was_user_ = false;          ///< before the current step
    bool returned_to_user_ = false;
    vm::Virtual rip_{};  ///< address of the last instruction in the current step
    std::string last_return_;
};

/// Checks I3: on the user's page tables, the kernel must not use memory that only its own page tables map. No handler
/// can repair that, since its body is not mapped either. If the access is a push, the CPU cannot deliver the #PF, and
/// raises #DF.
class PageTableCheck {
  public:
    void before(vm::Guest& guest);
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);

  private:
    vm::Virtual rip_{};  ///< address of the instruction of the current step
    std::uint64_t cr3_ = 0;
    std::string loaded_by_;  ///< the instruction that loaded CR3; empty: none in this window
};

/// Checks I4: no instruction may overwrite the canary of a stack.
class CanaryCheck {
  public:
    /// Checks nothing if a canary is already overwritten.
    explicit CanaryCheck(vm::Guest& guest);

    void before(vm::Guest& guest);
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);

  private:
    bool were_intact_;
    bool may_write_ = false;  ///< the current step may write to memory
    vm::Virtual rip_{};       ///< address of the instruction of the current step
};

/// Checks I18: protected code must not call or jump out of its sections where no annotation allows it.
class NoinstrCheck {
  public:
    void before(vm::Guest& guest);
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step) const;

  private:
    vm::Virtual rip_{};  ///< address of the last instruction of the current step
    bool is_exit_ = false;
};

}  // namespace gatecrash::sweep
