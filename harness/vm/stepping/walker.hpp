#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::vm {

/// Takes a guest from boundary to boundary. While a Walker exists, only its stepper may run the guest.
class Walker {
  public:
    Walker(Guest& guest, Stepper& stepper) : guest_(guest), stepper_(stepper) { stepper_.enter(); }
    ~Walker() {
        stepper_.leave();
        if (auto* const recorder = guest_.recorder()) recorder->hide_exits();
    }
    Walker(const Walker&) = delete;
    Walker& operator=(const Walker&) = delete;

    /// Delivers an event that is due. Executes no instruction, except one that meets a trap. After that, what has
    /// landed is delivered, and the guest is at the first boundary after the delivery.
    Step settle() {
        auto last = guest_.has_trap() ? step() : Step{};
        if (!last.end && guest_.delivery_due()) last = step();
        return last;
    }

    /// Executes one instruction. Throws MachineFault after `max_steps`.
    Step step() {
        if (++steps_ > max_steps) throw MachineFault("no end after too many steps\n" + guest_.dump());
        if (auto* const recorder = guest_.recorder()) recorder->before_step();
        const bool has_trap = guest_.has_trap();
        const auto step = stepper_.step();
        if (!has_trap || step.end) return step;
        if (step.delivered) throw MachineFault("the instruction of a watchpoint faults\n" + guest_.dump());
        guest_.spring_trap();
        return step;
    }

    [[nodiscard]] std::uint64_t steps() const { return steps_; }

    static constexpr std::uint64_t max_steps = 100'000;

  private:
    Guest& guest_;
    Stepper& stepper_;
    std::uint64_t steps_ = 0;
};

}  // namespace gatecrash::vm
