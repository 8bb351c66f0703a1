#pragma once

#include <cstdint>
#include <exception>

#include "kvm/vcpu.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::vm {

/// Hides an NMI that has to wait from KVM, for one step. If an IRET unmasks NMIs and faults, KVM would deliver the NMI
/// at the next boundary or in a stepper's own code. Which one would depend on when the host gets an interrupt. The NMI
/// is latched again at the end, also if the step throws.
class HiddenNmi {
  public:
    explicit HiddenNmi(kvm::Vcpu& cpu) : cpu_(cpu) {
        const auto& events = cpu.events();
        is_hidden_ = events.nmi.pending != 0 && !can_deliver(cpu.regs(), events, Event::nmi());
        if (is_hidden_) set(0);
    }
    ~HiddenNmi() {
        try {
            // A CPU with virtual NMIs has not dropped one that it saw in an earlier run.
            if (is_hidden_ && cpu_.events().nmi.pending == 0) set(1);
        } catch (const std::exception&) {
            // KVM has failed, and the next call reports the same.
        }
    }
    HiddenNmi(const HiddenNmi&) = delete;
    HiddenNmi& operator=(const HiddenNmi&) = delete;

    /// Says that the NMI was delivered nevertheless. A CPU with virtual NMIs does not drop one that it has latched.
    void forget() { is_hidden_ = false; }

  private:
    void set(std::uint8_t pending) {
        auto events = cpu_.events();
        events.nmi.pending = pending;
        events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
        cpu_.set_events(events);
    }

    kvm::Vcpu& cpu_;
    bool is_hidden_ = false;
};

}  // namespace gatecrash::vm
