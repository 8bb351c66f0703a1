// Everything that a KVM test needs: docs/how-to/write-a-kvm-test.md.
#pragma once

#include "gatecrash/delivery.hpp"
#include "gatecrash/event.hpp"
#include "gatecrash/guest.hpp"
#include "gatecrash/guest_code.hpp"
#include "gatecrash/kvm.hpp"
#include "gatecrash/outcome.hpp"
