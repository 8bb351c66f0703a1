#include "qualify/recording_code.hpp"

#include <algorithm>
#include <utility>

namespace gatecrash::qualify {
namespace {

using vm::Code;
using Xbyak::Label;

constexpr unsigned exceptions = 32;
constexpr std::size_t record_shift = 7, record_size = 1 << record_shift;
/// A guest that enters more handlers than this goes round in circles.
constexpr unsigned max_records = 16;
static_assert(sizeof(Record) <= record_size && (max_records + 1) * record_size <= vm::page_size);

}  // namespace

bool pushes_error_code(unsigned vector) {
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 ||
           vector == 30;
}

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

vm::Outcome run_bounded(vm::Guest& guest) {
    constexpr int max_exits = 1000;
    // A busy host may keep this process from running for longer than the watchdog waits.
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

/// What the recorder finds on the stack, and a body too, but for the lowest word:
///
///     RSP + 48  SS
///     ...       RSP, RFLAGS, CS
///     RSP + 24  RIP
///     RSP + 16  error code, or 0
///     RSP +  8  vector
///     RSP       return address
void RecordingCode::emit_recorder(Label& recorder) {
    auto& k = kernel;
    constexpr int saved = 16;
    constexpr int vector = saved + 8;
    Label full, not_db;
    k.L(recorder);
    k.push(k.rax);
    k.push(k.rbx);
    k.mov(k.rbx, data);
    k.mov(k.rax, k.qword[k.rbx]);
    k.cmp(k.rax, max_records);
    k.jae(full);
    k.inc(k.qword[k.rbx]);
    k.shl(k.rax, record_shift);
    k.lea(k.rbx, k.ptr[k.rbx + k.rax + record_size]);
    constexpr int words = 7;  // vector to SS
    for (int i = 0; i < words; ++i) {
        k.mov(k.rax, k.qword[k.rsp + vector + 8 * i]);
        k.mov(k.qword[k.rbx + 8 * i], k.rax);
    }
    k.lea(k.rax, k.ptr[k.rsp + vector + 16]);
    k.mov(k.qword[k.rbx + offsetof(Record, frame)], k.rax);
    k.db(0x0f), k.db(0x20), k.db(0xd0);  // mov rax, cr2
    k.mov(k.qword[k.rbx + offsetof(Record, cr2)], k.rax);
    k.cmp(k.qword[k.rsp + vector], GATECRASH_VECTOR_DB);
    k.jne(not_db);
    k.db(0x0f), k.db(0x21), k.db(0xf0);  // mov rax, dr6
    k.mov(k.qword[k.rbx + offsetof(Record, dr6)], k.rax);
    k.L(not_db);
    k.pop(k.rbx);
    k.pop(k.rax);
    k.ret();
    k.L(full);
    k.doorbell(GATECRASH_PORT_DONE);
    k.hlt();
}

void RecordingCode::emit_handler(const Handler& handler, const Label& recorder) {
    auto& k = kernel;
    Label start;
    k.L(start);
    name_address(kernel_address(start), handler_of(handler.vector));
    if (!pushes_error_code(handler.vector)) k.push(0);
    k.push(handler.vector);
    k.call(recorder);
    if (handler.body) handler.body(k);
    k.add(k.rsp, frame_rip);
    k.iretq();
    handle(handler.vector, start, handler.ist);
}

vm::Guest& RecordingCode::boot(Bench& bench) {
    Label recorder;
    emit_recorder(recorder);
    for (unsigned vector = 0; vector < exceptions; ++vector) {
        const auto is_it = [&](const Handler& handler) { return handler.vector == vector; };
        if (std::none_of(on_.begin(), on_.end(), is_it)) {
            emit_handler({static_cast<std::uint8_t>(vector), 0, [](Code& k) { k.doorbell(GATECRASH_PORT_FATAL); }},
                         recorder);
        }
    }
    for (const auto& handler : on_) emit_handler(handler, recorder);
    return bench.load(build("qualify"));
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
    const auto count = guest.memory().read<std::uint64_t>(vm::Virtual{data}).value();
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, max_records); ++i) {
        account.records.push_back(guest.memory().read<Record>(vm::Virtual{data + (i + 1) * record_size}).value());
    }
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
