#pragma once

#include <optional>
#include <string>

#include "examine.hpp"
#include "gatecrash/explore/replay.hpp"

namespace gatecrash::explore {

/// Writes a stepped run for people: a line for each instruction, with the registers that it changed, and one for each
/// event that lands, each frame that is pushed, and each rule that an instruction breaks. The iterations of a REP are
/// one line.
class TraceObserver : public Observer {
  public:
    TraceObserver(machine::Machine& machine, const TraceSink& sink);

    void lands(machine::Machine& machine, machine::Event event) override;
    void before_step(machine::Machine& machine) override;
    void after_step(machine::Machine& machine, const machine::Step& step) override;
    void breaks(const Violation& violation) override;

  private:
    struct Line {
        std::string text;
        std::uint64_t rip;
        kvm_regs before;
        std::uint64_t cr3;
        bool repeats;
        std::string changed{};
        std::uint64_t iterations = 0;
    };

    void begin_line(machine::Machine& machine);
    void end_line();

    const TraceSink& sink_;
    std::uint64_t number_ = 0;
    std::optional<Line> line_;  ///< not written yet
};

}  // namespace gatecrash::explore
