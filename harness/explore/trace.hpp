#pragma once

#include <string>

#include "examine.hpp"
#include "gatecrash/explore/replay.hpp"

namespace gatecrash::explore {

/// Writes a stepped run for people: a line an instruction, and one for each event that lands, each frame that is
/// pushed.
class TraceObserver : public Observer {
  public:
    TraceObserver(machine::Machine& machine, const TraceSink& sink);

    void lands(machine::Machine& machine, machine::Event event) override;
    void before_step(machine::Machine& machine) override;
    void after_step(machine::Machine& machine, const machine::Step& step) override;

  private:
    const TraceSink& sink_;
    std::uint64_t line_ = 0;
};

}  // namespace gatecrash::explore
