#pragma once

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Runs freely a guest that is known, or believed, to stop: goes on when the watchdog interrupts it, so many times (50
/// are about a second of host time), unless it is seen to go round in circles.
[[nodiscard]] Outcome run_patiently(Guest& guest, int patience = 50);

}  // namespace gatecrash::vm
