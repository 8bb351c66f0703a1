#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t landing_vector = 0x40;

/// The words that an IRETQ pops. The popped RSP is a stack that fits `cs`.
struct Target {
    std::uint64_t rip;
    unsigned cs, ss;
};

/// Executes an IRET to `target`. User code executes INT, and so does the code after the IRET.
Answer iret_to(Bench& bench, const Target& target, const RecordingCode::Detail& detail) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(landing_vector, 0, ring_end);
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    const bool to_user = (target.cs & 3) != 0;
    Xbyak::Label next;
    if (to_user) {
        k.mov(k.rax, target.rip);
    } else {
        k.lea(k.rax, k.ptr[k.rip + next]);
    }
    k.mov(k.rbx, to_user ? RecordingCode::user_stack : RecordingCode::kernel_stack);
    k.push(target.ss);
    k.push(k.rbx);
    k.push(2);
    k.push(target.cs);
    k.push(k.rax);
    guest.place(at(Mark::iret));
    k.iretq();
    k.L(next);
    k.int_(landing_vector);
    guest.place(after(Mark::int_n));
    guest.user.int_(landing_vector);
    guest.user_place(after(Mark::int_n));
    return guest.tell(guest.run(bench), detail);
}

Details error_or_ss(const Record& record) {
    return record.vector == GATECRASH_VECTOR_GP ? error_code(record) : selectors(record);
}

/// Executes a return in 64-bit mode with operands of `size` bytes: `opcode` pops `values` from the kernel's stack.
/// Nothing maps the first value, which is an address.
Answer short_return(Bench& bench, std::initializer_list<std::uint8_t> opcode, unsigned size,
                    std::initializer_list<std::uint32_t> values) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_PF, 0, ring_end);
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.sub(k.rsp, 64);
    unsigned offset = 0;
    for (const auto value : values) {
        if (size == 2) {
            k.mov(k.word[k.rsp + offset], value);
        } else {
            k.mov(k.dword[k.rsp + offset], value);
        }
        offset += size;
    }
    guest.place(at(Mark::short_return));
    for (const auto byte : opcode) k.db(byte);
    return guest.tell(guest.run(bench), privilege);
}

constexpr std::uint32_t unmapped = 0x1234, user_sp = 0x1000;

Answer short_iret(Bench& bench, std::initializer_list<std::uint8_t> opcode, unsigned size) {
    return short_return(bench, opcode, size, {unmapped, GATECRASH_USER_CS, 2, user_sp, GATECRASH_USER_SS});
}

}  // namespace

Answer iret_16_bits(Bench& bench) { return short_iret(bench, {0x66, 0xcf}, 2); }
Answer iret_32_bits(Bench& bench) { return short_iret(bench, {0xcf}, 4); }
Answer retf_16_bits(Bench& bench) { return short_return(bench, {0x66, 0xcb}, 2, {unmapped, GATECRASH_KERNEL_CS}); }
Answer retf_32_bits(Bench& bench) { return short_return(bench, {0xcb}, 4, {unmapped, GATECRASH_KERNEL_CS}); }

Answer iret_non_canonical(Bench& bench) {
    constexpr std::uint64_t first_non_canonical = std::uint64_t{1} << 47;
    return iret_to(bench, {first_non_canonical, GATECRASH_USER_CS, GATECRASH_USER_SS}, privilege);
}

Answer iret_to_user_with_null_ss(Bench& bench) {
    return iret_to(bench, {RecordingCode::user_text, GATECRASH_USER_CS, 3}, error_or_ss);
}

Answer iret_in_kernel_with_null_ss(Bench& bench) { return iret_to(bench, {0, GATECRASH_KERNEL_CS, 0}, error_or_ss); }

}  // namespace gatecrash::qualify
