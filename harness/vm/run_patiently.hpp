#pragma once

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Runs a guest freely that is known, or believed, to stop. Continues when the watchdog interrupts it, up to `patience`
/// times (50 are about a second of host time). Gives up early on a guest that runs in circles.
[[nodiscard]] Outcome run_patiently(Guest& guest, int patience = 50);

}  // namespace gatecrash::vm
