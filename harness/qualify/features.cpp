#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {

using vm::Guest;

Answer kvm_capabilities(Bench& bench) {
    using enum kvm::Capability;
    constexpr std::array needed{readonly_memory, vcpu_events,     user_nmi,      machine_check,
                                debug_registers, set_guest_debug, immediate_exit};
    MissingCapabilities answer;
    std::ranges::copy_if(needed, std::back_inserter(answer.missing),
                         [&](kvm::Capability capability) { return !bench.system().has(capability); });
    return {answer};
}

/// Counts pages that this guest and those of earlier measurements have written, by stores and by deliveries. Then
/// resets the dirty ring, and does the same with pages that are written again, in a run that a HLT ends.
Answer written_pages_complete(Bench& bench) {
    constexpr std::uint8_t vector = 0x40;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector);
    const auto write = [&] {
        for (unsigned page = 0; page < RecordingCode::data_pages; ++page) {
            k.mov(k.rax, RecordingCode::data + (page + 1) * vm::page_size - sizeof(std::uint64_t));
            k.inc(k.qword[k.rax]);
        }
        k.int_(vector);
    };
    write();
    k.doorbell(GATECRASH_PORT_BEGIN);
    write();
    k.hlt();
    code.end();
    auto& guest = code.boot(bench);
    auto& memory = guest.memory();
    const auto wrong_end = [&](const vm::Outcome& outcome) { return code.tell({{}, outcome}); };
    if (const auto outcome = run_bounded(guest); !rang(outcome, GATECRASH_PORT_BEGIN)) return wrong_end(outcome);
    const auto count = memory.count_unreported();
    guest.cpu().reset_ring();
    const auto before = memory.save(nullptr);
    if (const auto outcome = run_bounded(guest); outcome != vm::Outcome{vm::Halted{}}) return wrong_end(outcome);
    const auto not_at_once = memory.unreported(before);
    if (const auto outcome = run_bounded(guest); !rang(outcome, GATECRASH_PORT_END)) return wrong_end(outcome);
    std::vector<std::uint64_t> never;
    std::ranges::set_intersection(not_at_once, memory.unreported(before), std::back_inserter(never));
    return {PagesNotReported{count + never.size(), never.size() != not_at_once.size()}};
}

Answer sync_registers(Bench& bench) {
    constexpr std::array<std::pair<int, Part>, 3> groups{{{KVM_SYNC_X86_REGS, Part::registers},
                                                          {KVM_SYNC_X86_SREGS, Part::special_registers},
                                                          {KVM_SYNC_X86_EVENTS, Part::events}}};
    const auto offered = bench.system().check(kvm::Capability::sync_registers);
    SyncedParts answer;
    for (const auto& [bit, part] : groups) {
        if ((offered & bit) != 0) answer.offered.push_back(part);
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
    if (rbx != 42) answer.wrong_rbx = rbx;
    return {answer};
}

Answer read_only_memory(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    constexpr std::uint64_t target = GATECRASH_TEXT + 0xff8;  // an address in the text's page, after the code
    k.mov(k.rax, GATECRASH_KERNEL_BASE + target);
    k.mov(k.ebx, k.dword[k.rax]);
    k.mov(k.byte[k.rax], 0x5a);
    code.end();
    auto& guest = code.boot(bench);
    // Page tables write-protect the same page, but without CR0.WP they do not bind CPL 0. So only the slot protects it.
    constexpr std::uint64_t cr0_wp = 0x10000;
    auto sregs = guest.cpu().sregs();
    sregs.cr0 &= ~cr0_wp;
    guest.set_sregs(sregs);
    const auto account = RecordingCode::run(guest);
    const auto* access = std::get_if<vm::BadAccess>(&account.outcome);
    const bool as_mmio = access != nullptr && access->is_write && access->address == vm::Physical{target};
    const auto content = guest.memory().read<std::uint8_t>(vm::Virtual{GATECRASH_KERNEL_BASE + target});
    const auto exit = as_mmio                ? Answer{Statement::write_exits}
                      : account.ended_well() ? Answer{Statement::write_does_not_exit}
                                             : code.tell(account);
    return then(exit, {content == 0 ? Statement::memory_as_before : Statement::memory_changed});
}

Answer triple_fault(Bench& bench) {
    RecordingCode code;
    code.kernel.ud2();
    code.end();
    auto& guest = code.boot(bench);
    auto sregs = guest.cpu().sregs();
    sregs.idt.limit = 0;
    guest.set_sregs(sregs);
    const auto account = RecordingCode::run(guest);
    if (!std::holds_alternative<vm::TripleFault>(account.outcome)) return code.tell(account);
    // The registers mean nothing now (AMD's are undefined), so a restored snapshot must make up for that.
    RecordingCode next;
    next.end();
    return then({Statement::shutdown}, next.tell(next.run(bench)));
}

Answer snapshot_restore(Bench& bench) {
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
    if (!second.ended_well()) return then({Statement::after_the_restore}, code.tell(second));
    RestoredRun answer;
    const auto compare = [&](bool same, Part part) {
        if (!same) answer.differing.push_back(part);
    };
    compare(std::memcmp(&end.regs, &again.regs, sizeof end.regs) == 0, Part::registers);
    compare(std::memcmp(&end.sregs, &again.sregs, sizeof end.sregs) == 0, Part::special_registers);
    compare(end.msrs == again.msrs, Part::msrs);
    compare(end.events.nmi.masked == again.events.nmi.masked, Part::nmi_mask);
    compare(guest.memory().equals(end.pages), Part::memory);
    return {answer};
}

Answer watchdog_ends_loop(Bench& bench) {
    RecordingCode code;
    Xbyak::Label self;
    code.kernel.cli();
    code.kernel.L(self);
    code.kernel.jmp(self);
    const auto outcome = code.boot(bench).run();
    if (std::holds_alternative<vm::StillRunning>(outcome)) return {Statement::signal_ends_run};
    return {Ended{outcome}};
}

}  // namespace gatecrash::qualify
