#include "qualify/recording_code.hpp"

#include <algorithm>
#include <utility>

namespace gatecrash::qualify {
namespace {

using vm::Code;
using Xbyak::Label;

/// A guest that enters more handlers than this runs in circles.
constexpr unsigned max_records = 16;
static_assert(max_records <= vm::Recorder::most_records);

}  // namespace

void ring_end(Code& k) { k.doorbell(GATECRASH_PORT_END); }

void the_first_time(Code& k, const std::function<void()>& first_only) {
    Label again;
    k.mov(k.rbx, RecordingCode::data);
    k.cmp(k.qword[k.rbx], 1);  // the count of records
    k.jne(again, Code::T_NEAR);
    first_only();
    k.L(again);
}

void clear_pushed_tf(Code& k) {
    k.and_(k.qword[k.rsp + RecordingCode::frame_rflags], ~static_cast<std::uint32_t>(vm::rflags_tf));
}

void set_pushed_rf(Code& k) {
    k.or_(k.qword[k.rsp + RecordingCode::frame_rflags], static_cast<std::uint32_t>(vm::rflags_rf));
}

Details privilege(const Record& record) { return {.cpl = record.cs & 3}; }

Details cause(const Record& record) { return {.cpl = record.cs & 3, .dr6 = record.dr6 & dr6_causes}; }

Details error_code(const Record& record) { return {.error = record.error}; }

Details selectors(const Record& record) { return {.selectors = Selectors{record.cs, record.ss}}; }

kvm::Exit run_to_exit(vm::Guest& guest) {
    for (;;) {
        auto exit = guest.run_once();
        if (!std::holds_alternative<kvm::InterruptedExit>(exit) || guest.outcome_of(exit)) return exit;
    }
}

vm::Outcome run_bounded(vm::Guest& guest) {
    constexpr int max_exits = 1000;
    // On a busy host the watchdog can fire before this process gets to run.
    int patience = 20;
    for (int exits = 0; exits < max_exits; ++exits) {
        const auto exit = guest.run_once(true);
        const auto outcome = guest.outcome_of(exit);
        if (outcome && (!std::holds_alternative<vm::StillRunning>(*outcome) || --patience == 0)) return *outcome;
        if (std::holds_alternative<kvm::DebugExit>(exit)) throw vm::MachineFault("a debug exit from a free run");
    }
    throw vm::MachineFault("KVM_RUN exits over and over while the guest makes no progress");
}

std::uint64_t RecordingCode::scratch_word(vm::Guest& guest, unsigned index) {
    return guest.memory().read<std::uint64_t>(vm::Virtual{scratch + index * sizeof(std::uint64_t)}).value();
}

void RecordingCode::on(std::uint8_t vector, unsigned ist, Body body) { on_.push_back({vector, ist, std::move(body)}); }

void RecordingCode::write_msr(std::uint32_t msr, const Label& address) {
    kernel.mov(kernel.ecx, msr);
    kernel.lea(kernel.rax, kernel.ptr[kernel.rip + address]);
    kernel.mov(kernel.rdx, kernel.rax);
    kernel.shr(kernel.rdx, 32);
    kernel.wrmsr();
}

void RecordingCode::enable_sysenter(const Label& entry) {
    write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    write_msr(msr_sysenter_esp, kernel_stack);
    write_msr(msr_sysenter_eip, entry);
}

void RecordingCode::set_debug_register(unsigned number, std::uint64_t value) {
    kernel.mov(kernel.rax, value);
    kernel.db(0x0f), kernel.db(0x23), kernel.db(static_cast<int>(0xc0 | number << 3));
}

void RecordingCode::set_debug_register(unsigned number, const Label& label) {
    kernel.lea(kernel.rax, kernel.ptr[kernel.rip + label]);
    kernel.db(0x0f), kernel.db(0x23), kernel.db(static_cast<int>(0xc0 | number << 3));
}

vm::Guest& RecordingCode::boot(Bench& bench) {
    for (const auto& [vector, address, next] : vm::Recorder(*this, max_records).emit(on_)) {
        name_address(address, handler_of(vector));
        name_address(next, handler_of(vector, 1));
    }
    auto image = build("qualify");
    image.keeps_pages_new = pages_ == Pages::fresh;
    return bench.load(image);
}

Account RecordingCode::run(Bench& bench, const OnBegin& on_begin) { return run(boot(bench), on_begin); }

Account RecordingCode::run(vm::Guest& guest, const OnBegin& on_begin) {
    constexpr int max_begins = 16;
    Account account;
    account.outcome = run_bounded(guest);
    for (int begins = 0; rang(account.outcome, GATECRASH_PORT_BEGIN) && begins < max_begins; ++begins) {
        if (on_begin) on_begin(guest);
        account.outcome = run_bounded(guest);
    }
    account.records = vm::Recorder::records(guest.memory(), max_records);
    return account;
}

Place RecordingCode::place_of(std::uint64_t address) const {
    const auto found = std::ranges::find(names_, address, &Name::address);
    return found == names_.end() ? Unnamed{address} : found->place;
}

Answer RecordingCode::tell(const Account& account, const Detail& detail) const {
    Answer answer;
    for (const auto& record : account.records) {
        answer.push_back(Delivery{record.vector, place_of(record.rip), detail ? detail(record) : Details()});
    }
    if (!account.ended_well()) answer.push_back(Ended{account.outcome});
    return answer.empty() ? Answer{Statement::no_event} : answer;
}

}  // namespace gatecrash::qualify
