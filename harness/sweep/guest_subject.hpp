#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sweep/check/end_check.hpp"
#include "sweep/equal_states.hpp"
#include "sweep/extremes.hpp"
#include "sweep/phase_clock.hpp"
#include "sweep/subject.hpp"
#include "sweep/window.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// Sweeps our own guests: they ring doorbells at the ends of their windows, and log what their handlers do.
class GuestSubject : public Subject {
  public:
    /// `guest` has just been booted. `events` are the events that may land on it. `clock` may be null.
    GuestSubject(vm::Guest& guest, vm::StepperKind stepper, std::span<const vm::Event> events, PhaseClock* clock);
    ~GuestSubject() override;
    GuestSubject(const GuestSubject&) = delete;
    GuestSubject& operator=(const GuestSubject&) = delete;

    [[nodiscard]] const std::string& name() const override { return guest_.image().name; }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return guest_.image().symbols.find(symbol);
    }
    [[nodiscard]] Boundary boundary_of(const Reached& reached) const override {
        return sweep::boundary_of(guest_.image().symbols, reached);
    }

    bool find_window() override;
    void keep_window() override;
    void finish_windows() override;
    [[nodiscard]] std::size_t windows() const override { return windows_.size(); }

    [[nodiscard]] Path path_of(std::size_t window, HitCounter& hits) override;
    [[nodiscard]] Path path_after(const Point& from, vm::Event event, const Point& to, bool compare) override;
    [[nodiscard]] bool can_land(vm::Event event, const Point& at) const override;
    [[nodiscard]] bool can_deliver(vm::Event event, const Point& at) const override;

    void land(const Point& from, vm::Event event, const Point& to) override;
    [[nodiscard]] Ending run(std::size_t window, std::span<const Landed> landed, Extremes& extremes) override;
    [[nodiscard]] std::vector<Violation> examine(std::size_t window, const HitCounter& hits,
                                                 const std::vector<Landing>& schedule, Ending ending,
                                                 const TraceSink& trace) override;

    [[nodiscard]] bool is_new(std::size_t window, const Point& from, std::span<const Landed> landed,
                              unsigned more) override;
    void forget() override { met_.forget(); }
    void restart_extremes() override { stacks_.restart(); }
    [[nodiscard]] std::string code() const override { return guest_.image().protected_code.identity; }
    [[nodiscard]] std::vector<MapPlace> instructions() const override;
    [[nodiscard]] vm::CodeSet take_executed() override { return guest_.recorder()->take_executed(); }

  private:
    struct GuestPoint;
    [[nodiscard]] static const GuestPoint& of(const Point& point);

    [[nodiscard]] During during(Phase phase) const { return {clock_, phase}; }
    /// Returns window `number`, or the window that find_window() found last.
    [[nodiscard]] Window& window(std::size_t number) { return number < windows_.size() ? windows_[number] : *found_; }
    [[nodiscard]] static std::vector<LandedEvent> events_of(std::span<const Landed> landed);

    /// Where a run begins. Without `from`, it is the run without events of the window that was opened last.
    struct Start {
        const Point* from = nullptr;
        vm::Event event{};
        const Point* to = nullptr;
    };
    void begin(const Start& start);
    [[nodiscard]] vm::Outcome run_recorded(const Start& start, const std::function<vm::Outcome()>& run);
    [[nodiscard]] bool leaves_protected_code();
    [[nodiscard]] std::optional<vm::Outcome> deliver_waiting(const GuestPoint& to);
    [[nodiscard]] std::optional<vm::Outcome> step_to_end();
    [[nodiscard]] std::vector<Violation> examine_once(const Window& window, const HitCounter& hits,
                                                      const std::vector<Landing>& schedule, Ending ending,
                                                      const std::optional<vm::Snapshot>& free_end,
                                                      const TraceSink& trace);
    [[nodiscard]] vm::Outcome run_to_end(bool& is_proven);
    [[nodiscard]] vm::Outcome finish_slowly(bool& is_proven);
    [[nodiscard]] Path discover(HitCounter& hits, const vm::Snapshot& free_end, bool with_digests);
    [[nodiscard]] bool same_end(const vm::Snapshot& free);
    [[nodiscard]] std::string difference(const vm::Snapshot& free);
    [[noreturn]] void fail_stepping(const std::string& what);

    vm::Guest& guest_;
    PhaseClock* clock_;
    bool watches_;
    std::unique_ptr<vm::Stepper> stepper_;
    std::vector<Window> windows_;
    std::optional<Window> found_;                    ///< found, but not kept yet
    std::chrono::steady_clock::duration longest_{};  ///< the longest run without events
    Start start_;                                    ///< of the last run
    std::optional<vm::Outcome> early_end_;           ///< end of the run, if it ended during land()
    bool has_left_ = false;                          ///< the last run left the protected code
    StackMeter stacks_;
    EqualStarts met_;
};

}  // namespace gatecrash::sweep
