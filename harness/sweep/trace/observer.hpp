#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/examine.hpp"
#include "sweep/trace/frames.hpp"
#include "sweep/trace/item.hpp"

namespace gatecrash::sweep {

/// Traces a stepped run of a guest. All iterations of a REP are one instruction.
class TraceObserver : public Observer {
  public:
    /// Both must outlive it. With a sink that receives nothing, nothing may be observed.
    TraceObserver(vm::Guest& guest, const TraceSink& sink);

    void lands(vm::Guest& guest, vm::Event event, bool is_of_workload) override;
    void before_step(vm::Guest& guest) override;
    void after_step(vm::Guest& guest, const vm::Step& step) override;
    void breaks(const Violation& violation) override;

  private:
    /// The instruction that is about to execute, or executes.
    struct Current {
        TracedInstruction item;
        kvm_regs before;
        std::uint64_t cr3, ssp;
        bool repeats;
        std::vector<TracedFrameChange> changes{};
    };

    void begin_instruction(vm::Guest& guest);
    void end_instruction();
    void note_changes(vm::Guest& guest, const vm::Step& step);
    void note_return(vm::Guest& guest, const vm::Step& step);
    void delivers(vm::Guest& guest, std::uint8_t vector);

    const TraceSink& sink_;
    TraceFrames frames_;
    std::uint64_t number_ = 0;
    std::string place_;               ///< of the latest step
    bool masks_nmis_ = false;         ///< before it
    std::optional<Current> current_;  ///< not yet passed on
};

}  // namespace gatecrash::sweep
