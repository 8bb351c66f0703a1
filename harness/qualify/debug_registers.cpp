#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t leaving_vector = 0x40;
constexpr std::uint64_t dr7_gd = 0x2000;

Details resume_flag(const Record& record) { return {.resume_flag = (record.rflags & vm::rflags_rf) != 0}; }

/// Returns to user code with RF set in the flags that it loads. The first user instruction has a breakpoint.
Answer return_with_rf(Bench& bench, void (*to_user)(RecordingCode&)) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_DB, 0, set_pushed_rf);
    code.on(leaving_vector, 0, [&](vm::Code&) {
        code.disarm(dr7_execute);
        code.end();
    });
    code.set_debug_register(0, RecordingCode::user_text);
    code.set_debug_register(7, dr7_execute);
    to_user(code);
    code.user_place(at(Mark::breakpoint));
    code.user.nop();
    code.user.int_(leaving_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench));
}

}  // namespace

Answer rf_in_fault_frames(Bench& bench) {
    constexpr std::uint64_t absent = GATECRASH_KERNEL_BASE + GATECRASH_STACKS;
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label next;
    code.on(vector_ud, 0, [](vm::Code& c) {
        constexpr int length_of_ud2 = 2;
        c.add(c.qword[c.rsp + RecordingCode::frame_rip], length_of_ud2);
    });
    code.on(GATECRASH_VECTOR_PF, 0, [](vm::Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); });
    code.place(at(Mark::ud2));
    k.ud2();
    k.lea(k.r15, k.ptr[k.rip + next]);
    k.mov(k.rbx, absent);
    code.place(at(Mark::read));
    k.mov(k.rax, k.qword[k.rbx]);
    k.L(next);
    code.end();
    return code.tell(code.run(bench), resume_flag);
}

/// Both handlers return to the address in R15, which is after the fault.
Answer rf_in_segment_fault_frames(Bench& bench) {
    constexpr std::uint8_t vector_np = 11;
    constexpr std::uint32_t absent = 8, beyond_gdt = 0xfff8;
    constexpr std::uint64_t absent_code = 0x00af1b000000ffff;
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label after_iret, after_load;
    const auto go_on = [](vm::Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); };
    code.on(vector_np, 0, go_on);
    code.on(GATECRASH_VECTOR_GP, 0, go_on);
    k.lea(k.r15, k.ptr[k.rip + after_iret]);
    k.push(GATECRASH_KERNEL_SS);
    k.push(0);
    k.push(2);
    k.push(absent);
    k.push(k.r15);
    code.place(at(Mark::faulting_iret));
    k.iretq();
    k.L(after_iret);
    k.lea(k.r15, k.ptr[k.rip + after_load]);
    k.mov(k.eax, beyond_gdt);
    code.place(at(Mark::instruction));
    k.mov(k.ds, k.eax);
    k.L(after_load);
    code.end();
    auto& guest = code.boot(bench);
    const vm::Virtual descriptor{guest.cpu().sregs().gdt.base + absent};
    if (!guest.memory().write(descriptor, std::as_bytes(std::span(&absent_code, 1))))
        throw vm::MachineFault("the guest's GDT is not mapped");
    return code.tell(RecordingCode::run(guest), resume_flag);
}

Answer rf_in_trap_frames(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_BP);
    code.on(GATECRASH_DEFAULT_IRQ);
    k.int3();
    code.place(after(Mark::int3));
    k.push(vm::rflags_if | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::irq()); }), resume_flag);
}

Answer rf_in_software_interrupt_frame(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_BP, 0, set_pushed_rf);
    k.int3();
    code.place(after(Mark::first_int3));
    k.int3();  // executes with RF set
    code.place(after(Mark::second_int3));
    code.end();
    return code.tell(code.run(bench), resume_flag);
}

Answer rf_in_breakpoint_frame(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label target;
    code.on(GATECRASH_VECTOR_DB, 0, set_pushed_rf);
    code.set_debug_register(0, target);
    code.set_debug_register(7, dr7_execute);
    k.mov(k.ecx, 2);
    k.L(target);
    code.place(at(Mark::instruction));
    k.nop();
    k.dec(k.ecx);
    k.jnz(target);
    code.disarm(dr7_execute);
    code.end();
    return code.tell(code.run(bench), resume_flag);
}

Answer rf_between_iterations(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    k.mov(k.rdi, RecordingCode::scratch);
    k.mov(k.ecx, 2);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    code.place(at(Mark::instruction));
    k.rep();
    k.stosb();
    code.end();
    return code.tell(code.run(bench), resume_flag);
}

Answer rf_over_syscall(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label start, entry;
    k.jmp(start);
    k.L(entry);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.qword[k.rbx], k.r11);
    code.end();
    k.L(start);
    code.enable_syscall(entry, 0);
    code.enter_user(vm::rflags_rf | 2);
    code.user.syscall();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    const auto r11 = RecordingCode::scratch_word(guest, 0);
    return {(r11 & vm::rflags_rf) != 0 ? Statement::r11_has_rf : Statement::r11_has_no_rf};
}

Answer iret_loads_rf(Bench& bench) {
    return return_with_rf(bench, [](RecordingCode& code) { code.enter_user(vm::rflags_rf | 2); });
}

Answer sysret_clears_rf(Bench& bench) {
    return return_with_rf(bench, [](RecordingCode& code) {
        auto& k = code.kernel;
        code.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
        k.mov(k.rcx, RecordingCode::user_text);
        k.mov(k.r11, static_cast<std::uint32_t>(vm::rflags_rf | 2));
        k.mov(k.rsp, RecordingCode::user_stack);
        k.sysretq();
    });
}

Answer dr6_sticky(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingCode::scratch);
    code.set_debug_register(6, dr6_bs);
    code.set_debug_register(0, RecordingCode::scratch);
    code.set_debug_register(7, dr7_write_of_eight_bytes);
    k.mov(k.qword[k.rbx], k.rax);
    code.place(after(Mark::write));
    code.disarm(dr7_write_of_eight_bytes);
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer dr6_at_rest(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.set_debug_register(6, std::uint64_t{0});
    k.bytes({0x0f, 0x21, 0xf0});  // mov rax, dr6
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.qword[k.rbx], k.rax);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    return {Reading{Register::dr6, RecordingCode::scratch_word(guest, 0)}};
}

Answer dr6_of_int1(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    code.on(vector_ud, 0, ring_end);
    code.place(at(Mark::int1));
    code.kernel.bytes({0xf1});
    code.place(after(Mark::int1));
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer dr7_gd_clears_itself(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, [](vm::Code& c) {
        constexpr int length_of_mov = 3;
        c.add(c.qword[c.rsp + RecordingCode::frame_rip], length_of_mov);
        c.bytes({0x0f, 0x21, 0xf8});  // mov rax, dr7
        c.mov(c.rbx, RecordingCode::scratch);
        c.mov(c.qword[c.rbx], c.rax);
    });
    code.set_debug_register(7, dr7_gd);
    code.place(at(Mark::mov_from_dr0));
    k.bytes({0x0f, 0x21, 0xc0});  // mov rax, dr0
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const bool gd = (RecordingCode::scratch_word(guest, 0) & dr7_gd) != 0;
    return then(code.tell(account, cause), {gd ? Statement::gd_set_in_handler : Statement::gd_clear_in_handler});
}

Answer step_and_breakpoint_in_one(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.mov(k.rbx, RecordingCode::scratch);
    code.set_debug_register(0, RecordingCode::scratch);
    code.set_debug_register(7, dr7_write_of_eight_bytes);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    k.mov(k.qword[k.rbx], k.rax);
    code.place(after(Mark::write));
    k.nop();
    code.disarm(dr7_write_of_eight_bytes);
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer dr4_and_dr5(Bench& bench) {
    constexpr std::uint64_t dr7_le = 0x500;  // includes the bit that is always set
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector_ud, 0, ring_end);
    k.mov(k.rbx, RecordingCode::scratch);
    code.place(at(Mark::mov_to_dr4));
    code.set_debug_register(4, dr6_bs);
    code.set_debug_register(5, dr7_le);
    k.bytes({0x0f, 0x21, 0xf0});  // mov rax, dr6
    k.mov(k.qword[k.rbx], k.rax);
    k.bytes({0x0f, 0x21, 0xf8});  // mov rax, dr7
    k.mov(k.qword[k.rbx + 8], k.rax);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    return {DebugAliases{.dr4_is_dr6 = (RecordingCode::scratch_word(guest, 0) & dr6_bs) != 0,
                         .dr5_is_dr7 = RecordingCode::scratch_word(guest, 1) == dr7_le}};
}

Answer dr4_with_debugging_extensions(Bench& bench) {
    constexpr int cr4_de = 8;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector_ud, 0, ring_end);
    k.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
    k.or_(k.rax, cr4_de);
    k.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
    code.place(at(Mark::mov_from_dr4));
    k.bytes({0x0f, 0x21, 0xe0});  // mov rax, dr4
    code.end();
    return code.tell(code.run(bench));
}

}  // namespace gatecrash::qualify
