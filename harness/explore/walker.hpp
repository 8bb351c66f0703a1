#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "gatecrash/explore/schedule.hpp"
#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"

namespace gatecrash::explore {

/// Takes a guest from boundary to boundary. While it exists the machine is in its stepper's hands.
class Walker {
  public:
    Walker(machine::Machine& machine, machine::Stepper& stepper) : machine_(machine), stepper_(stepper) {
        stepper_.enter();
    }
    ~Walker() { stepper_.leave(); }
    Walker(const Walker&) = delete;
    Walker& operator=(const Walker&) = delete;

    /// Delivers what is due, if anything is, without executing an instruction but the one that meets a trap: what
    /// landed has then landed, and the machine is at the first boundary behind that.
    machine::Step settle() {
        auto last = machine_.has_trap() ? step() : machine::Step{};
        if (!last.end && machine_.delivery_due()) last = step();
        return last;
    }

    /// Executes one instruction. Throws machine::MachineFault after `max_steps`.
    machine::Step step() {
        if (++steps_ > max_steps) throw machine::MachineFault("no end after too many steps\n" + machine_.dump());
        const bool has_trap = machine_.has_trap();
        const auto step = stepper_.step();
        if (!has_trap || step.end) return step;
        if (step.delivered) throw machine::MachineFault("the instruction of a watchpoint faults\n" + machine_.dump());
        machine_.spring_trap();
        return step;
    }

    [[nodiscard]] std::uint64_t steps() const { return steps_; }

    static constexpr std::uint64_t max_steps = 100'000;

  private:
    machine::Machine& machine_;
    machine::Stepper& stepper_;
    std::uint64_t steps_ = 0;
};

}  // namespace gatecrash::explore
