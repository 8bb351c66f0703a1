// Everything that a KVM test needs: docs/kvm-test.md.
#pragma once

#include "gatecrash/delivery.hpp"
#include "gatecrash/event.hpp"
#include "gatecrash/guest.hpp"
#include "gatecrash/guest_code.hpp"
#include "gatecrash/kvm.hpp"
#include "gatecrash/outcome.hpp"
