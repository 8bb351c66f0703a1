#include "vm/kvm_bugs.hpp"

#include <variant>

#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

struct Bug {
    bool (*explains)(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events);
    const char* text;
};

/// True if Intel's CPU refused the guest's state at VM entry (SDM volume 3, appendix C: exit reason 33, with bit 31).
bool is_invalid_guest_state(const kvm::Exit& exit) {
    const auto* refused = std::get_if<kvm::FailEntryExit>(&exit);
    return refused != nullptr && refused->reason == 0x80000021;
}

constexpr Bug bugs[] = {
    // VM entry wants PENDING_DBG.BS with TF in a shadow (SDM volume 3, 26.3.1.5), and KVM did not set it.
    {[](const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events) {
         return is_invalid_guest_state(exit) && (regs.rflags & rflags_tf) != 0 && events.interrupt.shadow != 0;
     },
     "a KVM bug, a trap of TF in the shadow of STI or MOV SS, fixed in Linux 5.17 and in the stable kernels of "
     "February 2022 (b9bed78e2fa9): use a newer kernel"},
};

}  // namespace

std::string known_bug(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events) {
    for (const auto& bug : bugs) {
        if (bug.explains(exit, regs, events)) return std::string(": ") + bug.text;
    }
    return {};
}

}  // namespace gatecrash::vm
