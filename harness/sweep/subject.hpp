// The interface between a sweep and what it sweeps. The sweep decides which schedules run and in which order. A subject
// knows what a guest is, how its memory is kept, and what must hold in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"
#include "gatecrash/event.hpp"
#include "sweep/boundary.hpp"
#include "sweep/check/invariant.hpp"
#include "sweep/extremes.hpp"
#include "sweep/outcome_map.hpp"
#include "sweep/schedule.hpp"
#include "sweep/trace/item.hpp"
#include "vm/code_set.hpp"

namespace gatecrash::sweep {

/// A boundary on a path. A subject adds what it needs to continue from there.
class Point {
  public:
    explicit Point(const Reached& reached) : reached_(reached) {}
    Point(const Point&) = delete;
    Point& operator=(const Point&) = delete;
    virtual ~Point() = default;

    [[nodiscard]] const Reached& reached() const { return reached_; }
    /// Returns the address of the instruction that is about to execute.
    [[nodiscard]] vm::Virtual rip() const { return reached_.rip; }

  private:
    Reached reached_;
};

/// The boundaries of one run, in order.
using Path = std::vector<std::unique_ptr<Point>>;

/// An event that has landed, and is delivered at `at`.
struct Landed {
    vm::Event event;
    const Point* at;
};

/// The ending of a run, as far as its end shows it.
enum class Ending : std::uint8_t {
    held,
    broken,
    endless,  ///< proven: the run came back to an earlier state
    unclear   ///< the run goes on, and nothing is proven
};

class Subject {
  public:
    Subject() = default;
    Subject(const Subject&) = delete;
    Subject& operator=(const Subject&) = delete;
    virtual ~Subject() = default;

    /// Returns the name for schedules and messages.
    [[nodiscard]] virtual const std::string& name() const = 0;
    /// Returns the address of a symbol; empty if there is none.
    [[nodiscard]] virtual std::optional<vm::Virtual> find(const std::string& symbol) const = 0;
    /// Returns the boundary as schedules name it, with its index.
    [[nodiscard]] virtual Boundary boundary_of(const Reached& reached) const = 0;

    // --- windows -----------------------------------------------------------------------------------------------------

    /// Goes to the next window and opens it, ready for the run without events. False if there is none.
    virtual bool find_window() = 0;
    /// Makes the run without events the reference of the window that was found last, because that run holds. Then runs
    /// to its end.
    virtual void keep_window() = 0;
    /// Ends the search for windows. Throws vm::ImageError if there is none.
    virtual void finish_windows() = 0;
    [[nodiscard]] virtual std::size_t windows() const = 0;

    // --- paths -------------------------------------------------------------------------------------------------------

    /// Steps through the run without events of a window. `hits` continues from the windows before it.
    [[nodiscard]] virtual Path path_of(std::size_t window, HitCounter& hits) = 0;
    /// Steps through the run after `event` has landed at `from`, from its delivery at `to`. That run must hold. With
    /// `compare`, is_new() accepts its boundaries.
    [[nodiscard]] virtual Path path_after(const Point& from, vm::Event event, const Point& to, bool compare) = 0;
    /// True if hardware can make `event` arrive there.
    [[nodiscard]] virtual bool can_land(vm::Event event, const Point& at) const = 0;
    /// True if the CPU would deliver `event` there before the next instruction.
    [[nodiscard]] virtual bool can_deliver(vm::Event event, const Point& at) const = 0;

    // --- schedules ---------------------------------------------------------------------------------------------------

    /// Restores the guest to `from` and lands `event` there, which the CPU then delivers at `to`.
    virtual void land(const Point& from, vm::Event event, const Point& to) = 0;
    /// Runs to the end, and checks it. `landed` are all events of the schedule. If the run holds, notes in `extremes`
    /// what it used.
    [[nodiscard]] virtual Ending run(std::size_t window, std::span<const Landed> landed, Extremes& extremes) = 0;
    /// Steps through the schedule that just ended as `ending` says. Returns what it breaks, causes first. `hits` is the
    /// counter at the beginning of the window. Traces the steps if `trace` is set and this subject can.
    [[nodiscard]] virtual std::vector<Violation> examine(std::size_t window, const HitCounter& hits,
                                                         const std::vector<Landing>& schedule, Ending ending,
                                                         const TraceSink& trace) = 0;

    /// Notes a start, and returns true if no equivalent one was noted since forget(). The last of `landed` lands at
    /// `from`. `more` counts the events that still land, including this one.
    [[nodiscard]] virtual bool is_new(std::size_t window, const Point& from, std::span<const Landed> landed,
                                      unsigned more) = 0;
    virtual void forget() = 0;
    /// Measures extremes from here on.
    virtual void restart_extremes() = 0;
    /// Returns ProtectedCode::identity of the code that is swept, or nothing.
    [[nodiscard]] virtual std::string code() const = 0;
    /// Returns the instructions of that code, by address; nothing if they are not known.
    [[nodiscard]] virtual std::vector<MapPlace> instructions() const { return {}; }
    /// Returns the instructions of the protected code that were executed since the last call, for the first time.
    [[nodiscard]] virtual vm::CodeSet take_executed() = 0;
};

}  // namespace gatecrash::sweep
