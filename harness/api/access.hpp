// Gives the harness's own tests access to the objects that the public API hides.
#pragma once

#include "gatecrash/guest.hpp"
#include "vm/guest.hpp"

namespace gatecrash {

/// Returns the internal guest of `guest`.
[[nodiscard]] vm::Guest& guest_of(Guest& guest);

}  // namespace gatecrash
