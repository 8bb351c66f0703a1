#include "vm/run_patiently.hpp"

#include "vm/loop_detector.hpp"

namespace gatecrash::vm {

Outcome run_patiently(Guest& guest, int patience) {
    auto outcome = guest.run();
    LoopDetector detector(1);
    // One repeated state proves nothing: a busy host may keep the guest from executing anything between two looks.
    constexpr int convincing = 3;
    int repeats = 0;
    for (int i = 0; i < patience && std::holds_alternative<StillRunning>(outcome); ++i) {
        if (detector.repeats(guest) && ++repeats == convincing) break;
        outcome = guest.run();
    }
    return outcome;
}

}  // namespace gatecrash::vm
