// What is under the public API, for tests of the harness that build their guests with it.
#pragma once

#include "gatecrash/guest.hpp"
#include "vm/guest.hpp"

namespace gatecrash {

/// Returns the guest that `guest` is made of.
[[nodiscard]] vm::Guest& guest_of(Guest& guest);

}  // namespace gatecrash
