#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using Prefix = std::initializer_list<int>;
constexpr int operand_size = 0x66, rex_w = 0x48;

/// Pushes FS and GS in 64-bit mode, each with `prefix`, onto words that were all ones.
Answer push_fs_and_gs(Bench& bench, Prefix prefix) {
    RecordingCode guest;
    auto& k = guest.kernel;
    k.mov(k.eax, GATECRASH_USER_SS);
    k.mov(k.fs, k.eax);
    k.mov(k.eax, RecordingCode::user16_ss);
    k.mov(k.gs, k.eax);
    k.push(-1);
    k.push(-1);
    k.mov(k.rsp, RecordingCode::kernel_stack);
    k.bytes(prefix), k.bytes({0x0f, 0xa0});
    k.bytes(prefix), k.bytes({0x0f, 0xa8});
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingCode::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const auto word = [&](std::uint64_t address) {
        return machine.memory().read<std::uint64_t>(vm::Virtual{address}).value();
    };
    return {SegmentsPushed{.bytes = RecordingCode::kernel_stack - machine.cpu().regs().rsp,
                           .first = word(RecordingCode::kernel_stack - 8),
                           .second = word(RecordingCode::kernel_stack - 16)}};
}

/// Twelve bytes in memory. A far jump with an offset of 8 bytes reads `offset` and `selector`. A shorter one reads its
/// selector from the bytes of `offset` that it does not need.
struct FarPointer {
    std::uint64_t offset;
    std::uint32_t selector;
};

/// Nothing maps these offsets. The second one shows whether a CPU extends it by zeros or by its sign.
constexpr std::uint64_t unmapped_16 = 0x1234, unmapped_32 = 0x80001234;
constexpr std::uint64_t compatibility_mode = RecordingCode::kernel32_cs, long_mode = GATECRASH_KERNEL_CS;

/// Emits a far JMP by way of `pointer`. Its target need not keep the upper half of RSP, so the handlers are on an IST
/// stack.
void jump_far(RecordingCode& guest, Prefix prefix, const FarPointer& pointer) {
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_PF, GATECRASH_IST_NMI, ring_end);
    guest.on(GATECRASH_VECTOR_GP, GATECRASH_IST_NMI, ring_end);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.rax, pointer.offset);
    k.mov(k.qword[k.rbx], k.rax);
    k.mov(k.dword[k.rbx + 8], pointer.selector);
    guest.place(at(Mark::far_jump));
    k.bytes(prefix), k.bytes({0xff, 0x2b});  // ljmp *(%rbx)
}

/// Returns the error code of a jump that faults, and the selectors of one that arrives.
Details error_or_selectors(const Record& record) {
    return record.vector == GATECRASH_VECTOR_GP ? error_code(record) : selectors(record);
}

Answer far_jump(Bench& bench, Prefix prefix, const FarPointer& pointer) {
    RecordingCode guest;
    jump_far(guest, prefix, pointer);
    return guest.tell(guest.run(bench), error_or_selectors);
}

}  // namespace

Answer popf_16_bits(Bench& bench) {
    constexpr std::uint32_t ac_and_id = 0x240002, all_but_tf = 0xfeff;
    constexpr auto top = RecordingCode::kernel_stack - 16;
    RecordingCode guest;
    auto& k = guest.kernel;
    k.push(ac_and_id);
    k.popfq();
    k.mov(k.rsp, top);
    k.mov(k.word[k.rsp], all_but_tf);
    k.bytes({operand_size, 0x9d});
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingCode::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const auto regs = machine.cpu().regs();
    return {FlagsPopped{.bytes = regs.rsp - top, .rflags = regs.rflags}};
}

Answer push_segment_16_bits(Bench& bench) { return push_fs_and_gs(bench, {operand_size}); }
Answer push_segment_64_bits(Bench& bench) { return push_fs_and_gs(bench, {}); }

Answer far_jump_16_bits(Bench& bench) {
    return far_jump(bench, {operand_size}, {long_mode << 32 | compatibility_mode << 16 | unmapped_16, long_mode});
}

Answer far_jump_32_bits(Bench& bench) {
    return far_jump(bench, {}, {long_mode << 32 | unmapped_32, compatibility_mode});
}

Answer far_jump_64_bits(Bench& bench) {
    return far_jump(bench, {rex_w}, {compatibility_mode << 32 | unmapped_32, long_mode});
}

Answer far_jump_non_canonical(Bench& bench) {
    constexpr std::uint64_t not_canonical = std::uint64_t{1} << 60;
    return far_jump(bench, {rex_w}, {not_canonical | compatibility_mode << 32 | unmapped_32, long_mode});
}

Answer far_jump_beyond_limit(Bench& bench) {
    constexpr std::uint64_t code_of_4_kib = 0x00409b0000000fff;
    RecordingCode guest;
    jump_far(guest, {}, {compatibility_mode << 32 | unmapped_16, long_mode});
    auto& machine = guest.boot(bench);
    const auto descriptor = machine.cpu().sregs().gdt.base + compatibility_mode;
    if (!machine.memory().write(vm::Virtual{descriptor}, std::as_bytes(std::span(&code_of_4_kib, 1)))) {
        throw vm::MachineFault("the guest's GDT is not mapped");
    }
    return guest.tell(RecordingCode::run(machine), error_or_selectors);
}

}  // namespace gatecrash::qualify
