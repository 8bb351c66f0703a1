#include "vm/kvm_bugs.hpp"

#include <variant>

#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

struct Cause {
    bool (*explains)(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events);
    const char* text;
};

/// True if Intel's CPU refused the guest's state at VM entry (SDM volume 3, appendix C: exit reason 33, with bit 31).
bool is_invalid_guest_state(const kvm::Exit& exit) {
    const auto* refused = std::get_if<kvm::FailEntryExit>(&exit);
    return refused != nullptr && refused->reason == 0x80000021;
}

constexpr Cause causes[] = {
    // VM entry wants PENDING_DBG.BS with TF in a shadow (SDM volume 3, 26.3.1.5), and KVM did not set it.
    {[](const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events) {
         return is_invalid_guest_state(exit) && (regs.rflags & rflags_tf) != 0 && events.interrupt.shadow != 0;
     },
     "a KVM bug, a trap of TF in the shadow of STI or MOV SS, fixed in Linux 5.17 and in the stable kernels of "
     "February 2022 (b9bed78e2fa9): use a newer kernel"},
    // KVM gives the guest only the #AC that CR0.AM and RFLAGS.AC ask for. The host's kernel decides about another
    // one, and ends the process as well (handle_exception_nmi() in vmx.c, handle_guest_split_lock()).
    {[](const kvm::Exit& exit, const kvm_regs&, const kvm_vcpu_events&) {
         constexpr std::uint32_t alignment_check = 17;
         const auto* exception = std::get_if<kvm::ExceptionExit>(&exit);
         return exception != nullptr && exception->vector == alignment_check;
     },
     split_lock_remedy},
};

}  // namespace

std::string known_cause(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events) {
    for (const auto& cause : causes) {
        if (cause.explains(exit, regs, events)) return std::string(": ") + cause.text;
    }
    return {};
}

}  // namespace gatecrash::vm
