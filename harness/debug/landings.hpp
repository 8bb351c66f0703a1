#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "sweep/boundary.hpp"
#include "sweep/schedule.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::debug {

/// The facts about a boundary that decide what an event does there.
struct Pending {
    bool masks_nmis, has_latched_nmi, has_interrupts_on, has_shadow, has_waiting_irq;
    bool is_due;  ///< an event is delivered before the next instruction
    unsigned cpl;
    std::string place, stack;
};

/// Keeps which events of a schedule have landed, and which land next. It has the state of one run.
class Landings {
  public:
    explicit Landings(sweep::Schedule schedule) : schedule_(std::move(schedule)) {}

    /// Counts the boundary before the instruction at `rip`.
    void reach(vm::Virtual rip) { here_ = hits_.reach(rip); }
    /// Returns the event that the schedule lands at the boundary that was counted last, or null.
    [[nodiscard]] const sweep::Landing* due(const vm::SymbolTable& symbols) const;
    /// Gives up the next event of the schedule.
    void skip() { ++next_; }
    /// Notes that `event` has landed at the boundary that was counted last. If the schedule has landed it, `is_next`.
    void note(vm::Event event, const vm::SymbolTable& symbols, bool is_next);

    [[nodiscard]] std::size_t landed() const { return landed_.size(); }
    [[nodiscard]] const sweep::Schedule& schedule() const { return schedule_; }
    /// Returns the first event of the schedule that has not landed, or null.
    [[nodiscard]] const sweep::Landing* next() const {
        return next_ == schedule_.landings.size() ? nullptr : &schedule_.landings[next_];
    }
    /// Describes the boundary in lines for people.
    [[nodiscard]] std::string describe(const vm::SymbolTable& symbols, const Pending& pending) const;

  private:
    sweep::Schedule schedule_;
    std::size_t next_ = 0;
    sweep::HitCounter hits_;
    sweep::Reached here_;
    std::vector<sweep::Landing> landed_;
};

}  // namespace gatecrash::debug
