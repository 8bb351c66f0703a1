#include "vm/boot/recorder.hpp"

#include <algorithm>

#include "vm/vectors.hpp"

namespace gatecrash::vm {
namespace {

using Xbyak::Label;

static_assert(sizeof(Record) <= Recorder::record_size);

}  // namespace

std::vector<Recorder::Start> Recorder::emit(std::span<const RecordingHandler> handlers) {
    std::vector<Start> starts;
    Label recorder;
    emit_recorder(recorder);
    for (unsigned vector = 0; vector < GATECRASH_FIRST_IRQ; ++vector) {
        const auto is_it = [&](const RecordingHandler& handler) { return handler.vector == vector; };
        if (std::none_of(handlers.begin(), handlers.end(), is_it)) {
            const auto give_up = [](Code& k) { k.doorbell(GATECRASH_PORT_FATAL); };
            starts.push_back(emit_handler({static_cast<std::uint8_t>(vector), 0, give_up}, recorder));
        }
    }
    for (const auto& handler : handlers) starts.push_back(emit_handler(handler, recorder));
    return starts;
}

/// Emits the function that records a delivery. It finds this on the stack, and a body finds the same without the lowest
/// word:
///
///     RSP + 48  SS
///     ...       RSP, RFLAGS, CS
///     RSP + 24  RIP
///     RSP + 16  error code, or 0
///     RSP +  8  vector
///     RSP       return address
void Recorder::emit_recorder(Label& recorder) {
    auto& k = code_.kernel;
    constexpr int saved = 16;
    constexpr int vector = saved + 8;
    Label full, not_db;
    k.L(recorder);
    k.push(k.rax);
    k.push(k.rbx);
    k.mov(k.rbx, GuestCode::data);
    k.mov(k.rax, k.qword[k.rbx]);
    k.cmp(k.rax, max_records_);
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

Recorder::Start Recorder::emit_handler(const RecordingHandler& handler, const Label& recorder) {
    auto& k = code_.kernel;
    Label start;
    k.L(start);
    const auto address = k.here();
    const bool has_error_code = pushes_error_code(handler.vector);
    k.push(has_error_code ? handler.vector : 0);
    const auto next = k.here();
    if (!has_error_code) k.push(handler.vector);
    k.call(recorder);
    if (handler.body) handler.body(k);
    k.add(k.rsp, RecordingHandler::frame_rip);
    k.iretq();
    code_.handle(handler.vector, start, handler.ist);
    return {handler.vector, address, next};
}

std::vector<Record> Recorder::records(const GuestMemory& memory, unsigned max_records) {
    std::vector<Record> records;
    const auto count = memory.read<std::uint64_t>(Virtual{GuestCode::data}).value();
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, max_records); ++i) {
        records.push_back(memory.read<Record>(Virtual{GuestCode::data + (i + 1) * record_size}).value());
    }
    return records;
}

}  // namespace gatecrash::vm
