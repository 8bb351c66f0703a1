// A sweep and a checkpoint in which every member has a value.
#pragma once

#include "sweep/sweep.hpp"
#include "worker/protocol.hpp"

namespace gatecrash::worker::sample {

inline gatecrash::sweep::SweepResult sweep() {
    gatecrash::sweep::SweepResult result;
    result.shard = {2, 3};
    result.boundaries = 500;
    result.depth = 1;
    result.levels = {{1, 0}, {70, 30, {{3, 60, 20, {}, true}, {3, 4, 0, {{0, 3}}}, {6, 6, 10}}}};
    result.schedules = 71;
    result.pruned = 30;
    result.findings = {{.schedule = {"c/v", {{vm::Event::nmi(), {"entry", 0x1f, 2, {}}}}},
                        .violation = {gatecrash::sweep::Invariant::stack, "a \"message\"\nof two lines"},
                        .also = {gatecrash::sweep::Invariant::nmi_mask},
                        .schedules = 4,
                        .window = 1,
                        .order = 99,
                        .block = 3}};
    result.levels[1].executed.add(vm::Virtual{0xffffffff80002000}, vm::Virtual{0xffffffff80002013});
    result.levels[1].executed.add(vm::Virtual{0xffffffff80003000}, vm::Virtual{0xffffffff80003001});
    result.code = "0123456789abcdef";
    result.interrupted = true;
    result.not_exhaustive = gatecrash::sweep::Coverage{1, 20, 167};
    result.stopped_after = 1;
    return result;
}

inline gatecrash::sweep::Checkpoint checkpoint() {
    auto result = sweep();
    result.schedules = result.pruned = 0;  // the end of a sweep sums these up
    return {result, {1, {{2, 0, 3}}}, {"@nmi:entry+0x1f", "@nmi:entry"}, false};
}

}  // namespace gatecrash::worker::sample
