// Emits handlers of generated guests that log like the runtime's.
#pragma once

#include <cstddef>
#include <functional>

#include "gatecrash/abi.h"
#include "vm/boot/guest_code.hpp"

namespace gatecrash {

/// Emits code that appends a record to the log. RSP must be at the frame that the CPU pushed. Clobbers only flags.
inline void emit_log(vm::Code& code, std::uint32_t kind, std::uint32_t vector, std::uint32_t error = 0) {
    using abi::LogRecord;
    constexpr unsigned record_shift = 6;
    static_assert(sizeof(LogRecord) == 1 << record_shift);
    code.push(code.rax);
    code.push(code.rcx);
    code.mov(code.rax, vm::GuestCode::log);
    code.mov(code.ecx, 1);
    code.lock();
    code.xadd(code.qword[code.rax], code.rcx);
    code.shl(code.rcx, record_shift);
    code.lea(code.rax, code.ptr[code.rax + code.rcx + offsetof(abi::Log, records)]);
    code.mov(code.dword[code.rax + offsetof(LogRecord, kind)], kind);
    code.mov(code.dword[code.rax + offsetof(LogRecord, vector)], vector);
    code.mov(code.ptr[code.rax + offsetof(LogRecord, frame)], code.rsp);
    code.mov(code.dword[code.rax + offsetof(LogRecord, error)], error);
    code.mov(code.dword[code.rax + offsetof(LogRecord, rflags)], 2);
    code.pop(code.rcx);
    code.pop(code.rax);
}

/// Emits a handler of `vector`: a record of its beginning, `body` if there is one, a record of its end, and IRETQ.
inline void emit_handler(vm::Code& code, std::uint32_t vector, const std::function<void(vm::Code&)>& body = {}) {
    emit_log(code, GATECRASH_LOG_ENTER, vector);
    if (body) body(code);
    emit_log(code, GATECRASH_LOG_LEAVE, vector);
    code.iretq();
}

}  // namespace gatecrash
