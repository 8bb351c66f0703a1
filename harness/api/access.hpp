// Gives tests of the harness the objects under the public API.
#pragma once

#include "gatecrash/guest.hpp"
#include "vm/guest.hpp"

namespace gatecrash {

/// Returns the guest that `guest` is made of.
[[nodiscard]] vm::Guest& guest_of(Guest& guest);

}  // namespace gatecrash
