#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {

using vm::Guest;

std::string kvm_capabilities(Bench& bench) {
    using enum kvm::Capability;
    constexpr std::array<std::pair<kvm::Capability, const char*>, 7> needed{
        {{readonly_memory, "KVM_CAP_READONLY_MEM"},
         {vcpu_events, "KVM_CAP_VCPU_EVENTS"},
         {user_nmi, "KVM_CAP_USER_NMI"},
         {machine_check, "KVM_CAP_MCE"},
         {debug_registers, "KVM_CAP_DEBUGREGS"},
         {set_guest_debug, "KVM_CAP_SET_GUEST_DEBUG"},
         {immediate_exit, "KVM_CAP_IMMEDIATE_EXIT"}}};
    std::string missing;
    for (const auto& [capability, name] : needed) {
        if (!bench.system().has(capability)) missing += (missing.empty() ? "" : " and ") + std::string(name);
    }
    return missing.empty() ? "all that are needed" : "no " + missing;
}

std::string sync_registers(Bench& bench) {
    constexpr std::array<std::pair<int, const char*>, 3> groups{
        {{KVM_SYNC_X86_REGS, "registers"}, {KVM_SYNC_X86_SREGS, "special registers"}, {KVM_SYNC_X86_EVENTS, "events"}}};
    const auto offered = bench.system().check(kvm::Capability::sync_registers);
    std::string got;
    for (const auto& [bit, name] : groups) {
        if ((offered & bit) != 0) got += (got.empty() ? "" : ", ") + std::string(name);
    }
    RecordingCode code;
    code.kernel.inc(code.kernel.rbx);
    code.end();
    auto& guest = code.boot(bench);
    auto regs = guest.cpu().regs();
    regs.rbx = 41;
    guest.cpu().set_regs(regs);
    (void)run_bounded(guest);
    const auto rbx = guest.cpu().regs().rbx;
    return (got.empty() ? "none" : got) + (rbx == 42 ? "" : fmt::format("; RBX is {} and not 42 behind an INC", rbx));
}

std::string read_only_memory(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    constexpr std::uint64_t target = GATECRASH_TEXT + 0xff8;  // in the text's page, behind the code
    k.mov(k.rax, GATECRASH_KERNEL_BASE + target);
    k.mov(k.ebx, k.dword[k.rax]);
    k.mov(k.byte[k.rax], 0x5a);
    code.end();
    auto& guest = code.boot(bench);
    // Page tables write-protect the same page; without CR0.WP they do not bind CPL 0, so only the slot does.
    constexpr std::uint64_t cr0_wp = 0x10000;
    auto sregs = guest.cpu().sregs();
    sregs.cr0 &= ~cr0_wp;
    guest.set_sregs(sregs);
    const auto account = RecordingCode::run(guest);
    const auto* access = std::get_if<vm::BadAccess>(&account.outcome);
    const bool as_mmio = access != nullptr && access->is_write && access->address == vm::Physical{target};
    const auto content = guest.memory().read<std::uint8_t>(vm::Virtual{GATECRASH_KERNEL_BASE + target});
    return (as_mmio                ? "the write exits as MMIO"
            : account.ended_well() ? "the write does not exit"
                                   : code.tell(account)) +
           (content == 0 ? ", the memory is as before" : ", the memory has changed");
}

std::string triple_fault(Bench& bench) {
    RecordingCode code;
    code.kernel.ud2();
    code.end();
    auto& guest = code.boot(bench);
    auto sregs = guest.cpu().sregs();
    sregs.idt.limit = 0;
    guest.set_sregs(sregs);
    const auto account = RecordingCode::run(guest);
    if (!std::holds_alternative<vm::TripleFault>(account.outcome)) return code.tell(account);
    // The registers mean nothing now (AMD's are undefined); a restored snapshot has to make up for that.
    RecordingCode next;
    next.end();
    return "KVM_EXIT_SHUTDOWN, then " + next.tell(next.run(bench));
}

std::string snapshot_restore(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](vm::Code& c) {
        c.doorbell(GATECRASH_PORT_BEGIN);  // the snapshot is taken here, and a second NMI lands
        c.inc(c.rbx);
    });
    code.write_msr(msr_kernel_gs_base, 0xffffffff80001000);
    k.doorbell(GATECRASH_PORT_BEGIN);  // an NMI lands
    k.swapgs();
    k.inc(k.rcx);
    code.end();

    vm::Snapshot from;
    const auto snapshot_in_first_handler = [&, begins = 0](Guest& guest) mutable {
        if (++begins == 2) from = guest.snapshot();
        if (begins <= 2) guest.land(vm::Event::nmi());
    };
    auto& guest = code.boot(bench);
    const auto first = RecordingCode::run(guest, snapshot_in_first_handler);
    const auto end = guest.snapshot();
    if (!first.ended_well()) return code.tell(first);
    guest.restore(from);
    guest.land(vm::Event::nmi());
    const auto second = RecordingCode::run(guest);
    const auto again = guest.snapshot();
    if (!second.ended_well()) return "behind the restore: " + code.tell(second);
    std::string differs;
    const auto compare = [&](bool same, const char* what) {
        if (!same) differs += (differs.empty() ? "" : ", ") + std::string(what);
    };
    compare(std::memcmp(&end.regs, &again.regs, sizeof end.regs) == 0, "registers");
    compare(std::memcmp(&end.sregs, &again.sregs, sizeof end.sregs) == 0, "special registers");
    compare(end.msrs == again.msrs, "MSRs");
    compare(end.events.nmi.masked == again.events.nmi.masked, "NMI mask");
    compare(guest.memory().equals(end.pages), "memory");
    return differs.empty() ? "the restored run ends as the first" : "the restored run ends with other " + differs;
}

std::string watchdog_ends_loop(Bench& bench) {
    RecordingCode code;
    Xbyak::Label self;
    code.kernel.cli();
    code.kernel.L(self);
    code.kernel.jmp(self);
    const auto outcome = code.boot(bench).run();
    const bool ended = std::holds_alternative<vm::StillRunning>(outcome);
    return ended ? "a signal ends KVM_RUN" : ending(outcome);
}

}  // namespace gatecrash::qualify
