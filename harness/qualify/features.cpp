#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {

using machine::Machine;

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
    RecordingGuest guest;
    guest.kernel.inc(guest.kernel.rbx);
    guest.end();
    auto& machine = guest.boot(bench);
    auto regs = machine.cpu().regs();
    regs.rbx = 41;
    machine.cpu().set_regs(regs);
    (void)run_bounded(machine);
    const auto rbx = machine.cpu().regs().rbx;
    return (got.empty() ? "none" : got) + (rbx == 42 ? "" : fmt::format("; RBX is {} and not 42 behind an INC", rbx));
}

std::string read_only_memory(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    constexpr std::uint64_t target = GATECRASH_TEXT + 0xff8;  // in the text's page, behind the code
    k.mov(k.rax, GATECRASH_KERNEL_BASE + target);
    k.mov(k.ebx, k.dword[k.rax]);
    k.mov(k.byte[k.rax], 0x5a);
    guest.end();
    auto& machine = guest.boot(bench);
    // Page tables write-protect the same page; without CR0.WP they do not bind CPL 0, so only the slot does.
    constexpr std::uint64_t cr0_wp = 0x10000;
    auto sregs = machine.cpu().sregs();
    sregs.cr0 &= ~cr0_wp;
    machine.set_sregs(sregs);
    const auto account = RecordingGuest::run(machine);
    const auto* access = std::get_if<machine::BadAccess>(&account.outcome);
    const bool as_mmio = access != nullptr && access->is_write && access->address == machine::Physical{target};
    const auto content = machine.memory().read<std::uint8_t>(machine::Virtual{GATECRASH_KERNEL_BASE + target});
    return (as_mmio                ? "the write exits as MMIO"
            : account.ended_well() ? "the write does not exit"
                                   : guest.tell(account)) +
           (content == 0 ? ", the memory is as before" : ", the memory has changed");
}

std::string triple_fault(Bench& bench) {
    RecordingGuest guest;
    guest.kernel.ud2();
    guest.end();
    auto& machine = guest.boot(bench);
    auto sregs = machine.cpu().sregs();
    sregs.idt.limit = 0;
    machine.set_sregs(sregs);
    const auto account = RecordingGuest::run(machine);
    if (!std::holds_alternative<machine::TripleFault>(account.outcome)) return guest.tell(account);
    // The registers mean nothing now (AMD's are undefined); a restored snapshot has to make up for that.
    RecordingGuest next;
    next.end();
    return "KVM_EXIT_SHUTDOWN, then " + next.tell(next.run(bench));
}

std::string snapshot_restore(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](machine::Code& c) {
        c.doorbell(GATECRASH_PORT_BEGIN);  // the snapshot is taken here, and a second NMI lands
        c.inc(c.rbx);
    });
    guest.write_msr(msr_kernel_gs_base, 0xffffffff80001000);
    k.doorbell(GATECRASH_PORT_BEGIN);  // an NMI lands
    k.swapgs();
    k.inc(k.rcx);
    guest.end();

    machine::Snapshot from;
    const auto snapshot_in_first_handler = [&, begins = 0](Machine& machine) mutable {
        if (++begins == 2) from = machine.snapshot();
        if (begins <= 2) machine.land(machine::Event::nmi());
    };
    auto& machine = guest.boot(bench);
    const auto first = RecordingGuest::run(machine, snapshot_in_first_handler);
    const auto end = machine.snapshot();
    if (!first.ended_well()) return guest.tell(first);
    machine.restore(from);
    machine.land(machine::Event::nmi());
    const auto second = RecordingGuest::run(machine);
    const auto again = machine.snapshot();
    if (!second.ended_well()) return "behind the restore: " + guest.tell(second);
    std::string differs;
    const auto compare = [&](bool same, const char* what) {
        if (!same) differs += (differs.empty() ? "" : ", ") + std::string(what);
    };
    compare(std::memcmp(&end.regs, &again.regs, sizeof end.regs) == 0, "registers");
    compare(std::memcmp(&end.sregs, &again.sregs, sizeof end.sregs) == 0, "special registers");
    compare(end.msrs == again.msrs, "MSRs");
    compare(end.events.nmi.masked == again.events.nmi.masked, "NMI mask");
    compare(machine.memory().equals(end.pages), "memory");
    return differs.empty() ? "the restored run ends as the first" : "the restored run ends with other " + differs;
}

std::string watchdog_ends_loop(Bench& bench) {
    RecordingGuest guest;
    Xbyak::Label self;
    guest.kernel.cli();
    guest.kernel.L(self);
    guest.kernel.jmp(self);
    const auto outcome = guest.boot(bench).run();
    const bool ended = std::holds_alternative<machine::StillRunning>(outcome);
    return ended ? "a signal ends KVM_RUN" : ending(outcome);
}

}  // namespace gatecrash::qualify
