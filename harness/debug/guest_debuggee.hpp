#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "debug/debuggee.hpp"
#include "debug/landings.hpp"
#include "sweep/schedule.hpp"
#include "sweep/window.hpp"
#include "vm/guest.hpp"
#include "vm/outcome.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::debug {

/// Debugs one of our own guests, in the window in which its schedule lands the first event.
class GuestDebuggee : public Debuggee {
  public:
    /// `guest` has just been booted. Goes to the beginning of the window. Throws sweep::ScheduleError if no window has
    /// the first boundary, and vm::ImageError.
    GuestDebuggee(vm::Guest& guest, const sweep::Schedule& schedule, vm::StepperKind stepper);

    [[nodiscard]] bool is_64_bit() const override { return guest_.image().is_64_bit(); }
    [[nodiscard]] vm::Virtual rip() override { return guest_.rip(); }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return symbols().find(symbol);
    }
    [[nodiscard]] Registers registers() override;
    void set_registers(const Registers& registers) override;
    [[nodiscard]] std::size_t read(vm::Virtual address, std::span<std::byte> to) override;
    [[nodiscard]] bool write(vm::Virtual address, std::span<const std::byte> bytes) override;

    [[nodiscard]] std::unique_ptr<Stepping> begin_steps() override;
    [[nodiscard]] std::unique_ptr<Moment> save(const Moment* earlier) override;
    void restore(const Moment& moment) override;

    [[nodiscard]] std::string arrive() override;
    void land(const std::string& event) override;
    [[nodiscard]] bool lands_events() const override { return !landings_.schedule().landings.empty(); }
    [[nodiscard]] std::size_t landed() const override { return landings_.landed(); }
    [[nodiscard]] std::string describe_boundary() override;

  private:
    struct GuestMoment;
    class GuestStepping;

    [[nodiscard]] bool next_window();
    void open();
    [[nodiscard]] const vm::SymbolTable& symbols() const { return guest_.image().symbols; }
    /// True if what happens next is no instruction that follows a boundary.
    [[nodiscard]] bool is_delivering() { return guest_.has_trap() || guest_.delivery_due(); }

    vm::Guest& guest_;
    vm::StepperKind kind_;
    std::unique_ptr<vm::Stepper> stepper_;
    Landings landings_;
    std::optional<sweep::Window> window_;
    std::optional<vm::Outcome> end_;  ///< of the last step
    bool is_at_begin_ = false;        ///< no step has been made in the window
};

}  // namespace gatecrash::debug
