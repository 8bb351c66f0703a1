#pragma once

#include <optional>
#include <string>

#include "sweep/examine.hpp"
#include "sweep/replay.hpp"

namespace gatecrash::sweep {

/// Writes a stepped run for people. Each instruction has a line, with the registers that it changed. So has each event
/// that lands, each frame that the CPU pushes, and each rule that an instruction breaks. All iterations of a REP share
/// one line.
class TraceObserver : public Observer {
  public:
    TraceObserver(vm::Guest& guest, const TraceSink& sink);

    void lands(vm::Guest& guest, vm::Event event) override;
    void before_step(vm::Guest& guest) override;
    void after_step(vm::Guest& guest, const vm::Step& step) override;
    void breaks(const Violation& violation) override;

  private:
    struct Line {
        std::string text;
        std::uint64_t rip;
        kvm_regs before;
        std::uint64_t cr3, ssp;
        bool repeats;
        std::string changed{};
        std::uint64_t iterations = 0;
    };

    void begin_line(vm::Guest& guest);
    void end_line();

    const TraceSink& sink_;
    std::uint64_t number_ = 0;
    std::optional<Line> line_;  ///< not yet written
};

}  // namespace gatecrash::sweep
