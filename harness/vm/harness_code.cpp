#include "vm/harness_code.hpp"

#include <algorithm>

#include "vm/guest.hpp"
#include "vm/page.hpp"

namespace gatecrash::vm {
namespace {

/// Offsets in the harness's pages, in bytes. Steppers use everything below code_offset.
constexpr std::size_t code_offset = page_size + page_size / 2, frame_offset = code_offset + 64;

}  // namespace

Virtual HarnessCode::address() const { return Virtual{number(guest_.image().harness_address()) + code_offset}; }

Virtual HarnessCode::frame_address() const { return Virtual{number(guest_.image().harness_address()) + frame_offset}; }

std::span<std::byte> HarnessCode::frame() const { return guest_.memory().harness_pages().subspan(frame_offset); }

void HarnessCode::execute(std::span<const std::byte> code, const kvm_regs& regs) {
    prepare(code, regs);
    run_prepared();
}

void HarnessCode::run_prepared() {
    // Retries if interrupted, since the watchdog or a signal to this process may have been meant for the run before.
    for (int patience = 100; patience > 0; --patience) {
        guest_.cpu().clear_immediate_exit();
        if (!std::holds_alternative<kvm::InterruptedExit>(guest_.cpu().run())) return;
    }
    throw MachineFault("the harness's own code is interrupted again and again\n" + guest_.dump());
}

void HarnessCode::prepare(std::span<const std::byte> code, kvm_regs regs) {
    constexpr std::byte hlt{0xf4};
    const auto place = guest_.memory().harness_pages().subspan(code_offset);
    *std::copy(code.begin(), code.end(), place.begin()) = hlt;
    guest_.memory().repair_page_tables();
    auto& cpu = guest_.cpu();
    regs.rip = number(address());
    regs.rflags = 2;
    cpu.set_guest_debug(0);
    cpu.set_regs(regs);
    guest_.set_sregs(guest_.sregs_at_boot());
    auto events = cpu.events();
    events.exception = {};
    events.interrupt = {};
    // An NMI waits until the guest runs again: a CPU with virtual NMIs does not give it back.
    events.nmi.injected = 0;
    events.nmi.masked = events.nmi.pending;
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu.set_events(events);
}

}  // namespace gatecrash::vm
