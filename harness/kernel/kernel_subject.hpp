// Sweeps the windows of a kernel.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/doorbell_window.hpp"
#include "kernel/end_memory.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"
#include "kernel/kernel_stepper.hpp"
#include "kernel/kernel_window.hpp"
#include "kernel/nmi_count.hpp"
#include "kernel/slow_run.hpp"
#include "kernel/state_digest.hpp"
#include "sweep/event_windows.hpp"
#include "sweep/phase_clock.hpp"
#include "sweep/replay.hpp"
#include "sweep/subject.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::kernel {

/// Sweeps one window of a kernel.
class KernelSubject : public sweep::Subject {
  public:
    /// `options` are those of the sweep. If all of its events have windows, other code runs freely. Throws
    /// sweep::ScheduleError for a symbol of a window that the kernel lacks.
    KernelSubject(const WaitingKernel& kernel, std::string name, std::unique_ptr<KernelWindow> window,
                  const sweep::SweepOptions& options);
    /// Sweeps a workload of an init program.
    KernelSubject(const WaitingKernel& kernel, const Workload& workload, const sweep::SweepOptions& options)
        : KernelSubject(kernel, workload.name, std::make_unique<DoorbellWindow>(kernel, workload), options) {}

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return kernel_.symbols.find(symbol);
    }
    [[nodiscard]] sweep::Boundary boundary_of(const sweep::Reached& reached) const override {
        return sweep::boundary_of(kernel_.symbols, reached);
    }

    bool find_window() override;
    void keep_window() override;
    void finish_windows() override {}
    [[nodiscard]] std::size_t windows() const override { return reference_ ? 1 : 0; }

    [[nodiscard]] sweep::Path path_of(std::size_t window, sweep::HitCounter& hits) override;
    [[nodiscard]] sweep::Path path_after(const sweep::Point& from, vm::Event event, const sweep::Point& to,
                                         bool compare) override;
    [[nodiscard]] bool can_land(vm::Event event, const sweep::Point& at) const override;
    [[nodiscard]] bool can_deliver(vm::Event event, const sweep::Point& at) const override;

    void land(const sweep::Point& from, vm::Event event, const sweep::Point& to) override;
    [[nodiscard]] sweep::Ending run(std::size_t window, std::span<const sweep::Landed> landed,
                                    sweep::Extremes& extremes) override;
    [[nodiscard]] std::vector<sweep::Violation> examine(std::size_t window, const sweep::HitCounter& hits,
                                                        const std::vector<sweep::Landing>& schedule,
                                                        sweep::Ending ending, const sweep::TraceSink& trace) override;

    [[nodiscard]] bool is_new(std::size_t window, const sweep::Point& from, std::span<const sweep::Landed> landed,
                              unsigned more) override;
    void forget() override { met_.clear(); }
    void restart_extremes() override {}
    [[nodiscard]] std::string code() const override { return code_; }
    /// Those of KernelFacts::without_breakpoints.
    [[nodiscard]] std::vector<sweep::MapPlace> instructions() const override;
    [[nodiscard]] vm::CodeSet take_executed() override;

    /// Steps through the run of a schedule, with a trace if `sink` is set. The sweep's options say where boundaries are
    /// counted. Throws sweep::ScheduleError for an event that cannot land there, and for a boundary that the run never
    /// reaches.
    [[nodiscard]] sweep::ReplayResult replay(const std::vector<sweep::Landing>& landings, const sweep::TraceSink& sink);

    // For a debugger, which steps through the window that find_window() has found.

    /// Goes to the beginning of the window, and opens it.
    void open();
    /// Returns where boundaries count; empty: everywhere.
    [[nodiscard]] const std::vector<AddressRange>& text() const { return text_; }
    /// True if hardware can make `event` arrive where the guest is. With `handles_db`, a #DB is being handled there.
    [[nodiscard]] bool can_land_now(vm::Event event, bool handles_db) {
        return can_land_at(event, kernel_.guest.cpu_state()) &&
               !is_lost(event, handles_db, &kernel_.guest.interrupts());
    }

    /// Returns the names of the words that were not compared at the end of the window, because they depend on where
    /// events arrive.
    [[nodiscard]] std::vector<std::string> not_compared() const;

  private:
    struct KernelPoint;
    [[nodiscard]] static const KernelPoint& of(const sweep::Point& point);
    /// The end of the run without events.
    struct Reference {
        KernelState alive;                 ///< the state after KernelWindow::run_on()
        std::uint32_t nmis = 0, irqs = 0;  ///< counters
    };

    [[nodiscard]] sweep::During during(sweep::Phase phase) const { return {clock_, phase}; }
    /// Where a path begins.
    struct Start {
        const KernelState& state;
        std::vector<Call> calls;  ///< calls that have not returned, outermost first
        bool handles_db;          ///< a #DB has been delivered, and its handler has not returned
    };
    [[nodiscard]] sweep::Path discover(sweep::HitCounter& hits, const Start& start, bool waits, bool with_digests);
    void check_stepped_end(const KernelState& free, const std::string& after);
    [[nodiscard]] bool matters(const CpuState& cpu) const;
    [[nodiscard]] bool can_land_at(vm::Event event, const CpuState& cpu) const;
    [[nodiscard]] bool is_lost(vm::Event event, bool handles_db, const InterruptState* interrupts) const;
    /// A schedule that was stepped.
    struct Stepped {
        std::uint64_t steps = 0;
        std::optional<Stop> end{};  ///< empty if the steps do not reach it
        std::vector<sweep::Landed> landed{};
        NmiCount nmis{};
    };
    [[nodiscard]] Stepped step_schedule(const std::vector<sweep::Landing>& landings, const sweep::TraceSink& sink);
    /// Goes back to where the present run began, which is `from`, or the beginning of the window.
    void begin_again(const sweep::Point* from, std::span<const sweep::Landed> landed);
    [[nodiscard]] SlowEnd run_to_end();
    [[nodiscard]] SlowEnd finish_slowly();
    void check_end(const SlowEnd& end, std::span<const sweep::Landed> landed);
    [[nodiscard]] std::string leaving_words();
    void count_events(Reference& reference);
    void check_counts(std::span<const sweep::Landed> landed);
    [[nodiscard]] std::int64_t begun_nmis();
    [[nodiscard]] NmiCount nmis_of(std::span<const sweep::Landed> landed) const;
    [[nodiscard]] EndMemory::Comparison compare_memory(std::span<const sweep::Landed> landed, std::int64_t nmis);
    void check_memory(std::span<const sweep::Landed> landed);
    void check_life(std::span<const sweep::Landed> landed);
    void check_controls(const KernelState& expected);
    void add(sweep::Invariant invariant, std::string message) {
        violations_.push_back({invariant, std::move(message)});
    }
    [[nodiscard]] std::uint32_t counter(std::optional<vm::Virtual> per_cpu);
    [[nodiscard]] std::string where() { return kernel_.symbols.name_of(kernel_.guest.rip()); }

    WaitingKernel kernel_;
    std::string name_;
    std::unique_ptr<KernelWindow> window_;
    std::vector<vm::Event> events_;
    sweep::EventWindows windows_;
    /// If equivalent schedules are left out, an event lands only where it is delivered. So other boundaries need not be
    /// saved, unless this is set.
    bool saves_all_;
    bool has_interrupts_ = false;
    std::vector<AddressRange> text_;  ///< where events may land; empty: anywhere
    sweep::PhaseClock* clock_;
    std::optional<WindowRun> run_;
    std::optional<Reference> reference_;
    std::unique_ptr<EndMemory> memory_;  ///< empty if the window has no such comparison
    std::uint64_t per_cpu_ = 0;
    const sweep::Point* landed_from_ = nullptr;  ///< where the last event landed; null: nowhere
    std::vector<sweep::Violation> violations_;   ///< of the last run
    bool lives_ = false;                         ///< the end of the last run shows that the kernel lives
    NmiCount nmis_;                              ///< of the last run
    std::set<sweep::Digest> met_;
    std::string code_;  ///< see code()
    vm::CodeSet executed_;
};

}  // namespace gatecrash::kernel
