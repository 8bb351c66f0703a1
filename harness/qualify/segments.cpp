#include <cpuid.h>

#include <array>

#include "qualify/facts.hpp"
#include "qualify/legacy_code.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t from_user_vector = 0x40;
constexpr std::uint64_t some_base = 0x500000;

/// True if this CPU says that loading a NULL selector clears the base of the segment register. The bit is
/// NullSelectorClearsBase of CPUID Fn8000_0021_EAX (APM volume 3). Older AMD CPUs do not say so.
bool announces_clearing() {
    constexpr unsigned leaf = 0x80000021, null_selector_clears_base = 1U << 6;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(leaf, 0, &eax, &ebx, &ecx, &edx) != 0 && (eax & null_selector_clears_base) != 0;
}

/// Tells what happened to the upper halves of words that were all ones, after their lower halves got a selector. `any`
/// is the OR of the words, `all` the AND.
Answer upper_halves(std::uint32_t any, std::uint32_t all) {
    if (any >> 16 == 0) return {Statement::upper_half_zero};
    if (all >> 16 == 0xffff) return {Statement::upper_half_left};
    return {Statement::upper_half_mixed};
}

}  // namespace

Answer null_selector_gs_base(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.write_msr(msr_gs_base, some_base);
    k.xor_(k.eax, k.eax);
    k.mov(k.gs, k.eax);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    const auto base = guest.cpu().sregs().gs.base;
    if (base == some_base) return {Statement::gs_base_stays};
    if (base != 0) return {Reading{Register::gs_base, base}};
    return {announces_clearing() ? Statement::gs_base_cleared_as_announced : Statement::gs_base_cleared};
}

Answer push_of_segment_registers(Bench& bench) {
    constexpr int registers = 6;
    RecordingCode code;
    auto& u = code.user;
    code.on(from_user_vector, 0, ring_end);
    code.on(vector_ud, 0, ring_end);
    code.enter_user(2, GATECRASH_USER32_CS);
    for (int i = 0; i < registers; ++i) u.push(-1);
    u.add(u.esp, 4 * registers);
    // Pushes DS, ES, FS, GS, CS and SS.
    u.bytes({0x1e, 0x06, 0x0f, 0xa0, 0x0f, 0xa8, 0x0e, 0x16});
    u.int_(from_user_vector);
    code.user_place(after(Mark::int_n));

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const auto pushed = RecordingCode::user_stack - 4 * registers;
    if (account.records.size() != 1 || account.records[0].rsp != pushed) return code.tell(account);
    std::uint32_t any = 0, all = 0xffffffff;
    for (int i = 0; i < registers; ++i) {
        const auto word = guest.memory().read<std::uint32_t>(vm::Virtual{pushed + 4 * i}).value();
        any |= word;
        all &= word;
    }
    return upper_halves(any, all);
}

Answer frame_upper_halves(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(from_user_vector, 0, ring_end);
    k.mov(k.rsp, RecordingCode::stack(0));
    for (int i = 0; i < 5; ++i) k.push(-1);
    k.mov(k.rsp, RecordingCode::kernel_stack);
    code.enter_user();
    code.user.int_(from_user_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench), selectors);
}

Answer legacy_frame_upper_half(Bench& bench) {
    LegacyCode code;
    auto& k = code.kernel;
    constexpr int words = 4;
    for (int i = 0; i < words; ++i) k.push(-1);
    for (int i = 0; i < words; ++i) k.pop(k.rax);  // in legacy mode the same byte pops EAX
    k.int3();
    code.place(after(Mark::int3));
    const auto end = code.run(bench);
    if (end.vector != GATECRASH_VECTOR_BP) return code.tell(end);
    return upper_halves(end.cs, end.cs);
}

Answer ss_of_handler_from_user(Bench& bench) {
    RecordingCode code;
    code.on(from_user_vector, 0, [](vm::Code& k) {
        k.mov(k.rbx, RecordingCode::scratch);
        k.mov(k.word[k.rbx], k.ss);
        ring_end(k);
    });
    code.enter_user();
    code.user.int_(from_user_vector);
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (account.records.size() != 1) return code.tell(account);
    return {Reading{Register::ss, RecordingCode::scratch_word(guest, 0)}};
}

Answer frame_alignment(Bench& bench) {
    constexpr std::uint64_t misaligned = RecordingCode::kernel_stack - 8, frame_size = 40;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(from_user_vector);
    k.mov(k.rsp, misaligned);
    k.int_(from_user_vector);
    code.end();
    const auto account = code.run(bench);
    if (!account.ended_well() || account.records.size() != 1) return code.tell(account);
    const auto& record = account.records[0];
    return {FrameGap{.bytes = misaligned - record.frame - frame_size, .has_that_rsp = record.rsp == misaligned}};
}

Answer iret_with_nt(Bench& bench) {
    constexpr std::uint32_t nt = 0x4000;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.push(nt | 2);
    k.popfq();
    k.push(GATECRASH_USER_SS);
    k.push(static_cast<std::uint32_t>(RecordingCode::user_stack));
    k.push(2);
    k.push(GATECRASH_USER_CS);
    k.push(static_cast<std::uint32_t>(RecordingCode::user_text));
    code.place(at(Mark::iret));
    k.iretq();
    code.user.doorbell(GATECRASH_PORT_END);
    return code.tell(code.run(bench), error_code);
}

Answer iret_to_16_bit_stack(Bench& bench) {
    RecordingCode code;
    code.on(from_user_vector, 0, ring_end);
    code.enter_user(2, GATECRASH_USER32_CS, RecordingCode::user16_ss);
    code.user.int_(from_user_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench), [](const Record& record) {
        const auto of_kernel = (RecordingCode::kernel_stack >> 16) & 0xffff,
                   of_frame = (RecordingCode::user_stack >> 16) & 0xffff, got = (record.rsp >> 16) & 0xffff;
        return Details{.esp = got == of_kernel  ? Value(Known::high_half_kernel)
                              : got == of_frame ? Value(Known::high_half_frame)
                                                : Value(record.rsp)};
    });
}

}  // namespace gatecrash::qualify
