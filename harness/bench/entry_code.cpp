#include "bench/entry_code.hpp"

#include <algorithm>
#include <vector>

#include "vm/guest.hpp"

namespace gatecrash::bench {
namespace {

using vm::Code, vm::GuestCode;
using vm::msr_gs_base, vm::msr_spec_ctrl;
using Xbyak::Label;

constexpr std::uint32_t rf_and_tf = vm::rflags_rf | vm::rflags_tf;
constexpr unsigned exit_work_mask = 0x7f, needs_iret = 0x100;

/// The words of the frame that the CPU pushes.
enum Word : std::uint8_t { rip, cs, rflags, rsp, ss, words };

class EntryCode {
  public:
    EntryCode(GuestCode& guest, const Composition& composition, Label& entry)
        : code_(guest), composition_(composition), entry_(&entry) {
        for (const auto& each : general_registers) {
            const bool is_legacy = each.getIdx() <= Xbyak::Operand::RDI;
            if (guest.is_64_bit() || is_legacy) saved_.push_back(each);
        }
    }

    void emit() {
        k_.align(64);
        k_.L(*entry_);
        above_ = has_error_code() ? 1 : 0;
        way_in();
        if (has_error_code()) k_.add(frame(rip), absent_read_length);
        if (is_gate() && path().vector == GATECRASH_VECTOR_UD) k_.add(frame(rip), ud2_length);
        tests();
        const auto above = above_;
        way_out(path().by);
        if (path().by != Return::iret) {
            above_ = above;
            k_.L(by_iret_);
            if (path().builds_frame) way_out(Return::iret);
        }
        k_.L(never_);
        k_.doorbell(GATECRASH_PORT_FATAL);
    }

  private:
    [[nodiscard]] const EntryPath& path() const { return *composition_.path; }
    [[nodiscard]] bool has(Piece piece) const { return composition_.has(piece); }
    [[nodiscard]] bool is_gate() const { return path().way == Way::gate; }
    [[nodiscard]] bool has_error_code() const { return is_gate() && path().vector == GATECRASH_VECTOR_PF; }

    void way_in() {
        if (has(Piece::swapgs)) swap_gs_if_from_user();
        if (has(Piece::paranoid_rdmsr)) {
            Label is_kernels;
            k_.mov(k_.r9d, 1);
            k_.mov(k_.ecx, msr_gs_base);
            k_.rdmsr();
            k_.test(k_.edx, k_.edx);
            k_.js(is_kernels);
            k_.swapgs();
            k_.xor_(k_.r9d, k_.r9d);
            k_.L(is_kernels);
        }
        if (has(Piece::paranoid_fsgsbase)) {
            k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xc9});  // rdgsbase r9
            k_.mov(k_.r11, GuestCode::data);
            k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xdb});  // wrgsbase r11
        }
        if (has(Piece::lfence)) k_.lfence();
        change_cr3();
        if (has(Piece::stack)) to_task_stack();
        if (path().builds_frame) build_frame();
        if (has(Piece::save)) {
            for (const auto& each : saved_) k_.push(each);
            above_ += saved_.size();
        }
        if (has(Piece::clear)) {
            for (const auto& each : saved_) k_.xor_(each.cvt32(), each.cvt32());
        }
        if (has(Piece::ibrs)) write_spec_ctrl(1);
        if (has(Piece::rsb)) stuff_return_stack();
        if (has(Piece::context_cs)) set_context_if_from_user(kernel_context);
        if (has(Piece::context_soft)) {
            k_.push(per_cpu(PerCpu::context));
            ++above_;
            k_.mov(per_cpu(PerCpu::context, k_.dword), kernel_context);
        }
    }

    /// Emits the tests on the way out, which come before anything is restored.
    void tests() {
        if (has(Piece::exit_work)) {
            k_.test(per_cpu(PerCpu::work, k_.dword), exit_work_mask);
            k_.jnz(never_, Code::T_NEAR);
        }
        if (has(Piece::espfix)) {
            k_.test(k_.byte[k_.rsp + offset(ss)], 4);
            k_.jnz(never_, Code::T_NEAR);
        }
        if (has(Piece::tif_iret)) {
            k_.test(per_cpu(PerCpu::work, k_.dword), needs_iret);
            k_.jnz(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_rcx)) {
            load_saved(k_.rcx);
            k_.cmp(k_.rcx, frame(rip));
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_canonical)) {
            constexpr int above_canonical = 16;
            k_.mov(k_.r10, frame(rip));
            k_.mov(k_.r8, k_.r10);
            k_.shl(k_.r10, above_canonical);
            k_.sar(k_.r10, above_canonical);
            k_.cmp(k_.r10, k_.r8);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_cs)) {
            k_.cmp(frame(cs), GATECRASH_USER_CS);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_r11)) {
            load_saved(k_.r11);
            k_.cmp(k_.r11, frame(rflags));
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_rf_tf)) {
            k_.test(k_.dword[k_.rsp + offset(rflags)], rf_and_tf);
            k_.jnz(by_iret_, Code::T_NEAR);
        }
        if (has(Piece::sysret_ss)) {
            k_.cmp(frame(ss), GATECRASH_USER_SS);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        // If the return is an IRET anyway, the code that returns by IRET begins here.
        if (path().by == Return::iret) k_.L(by_iret_);
    }

    void way_out(Return by) {
        if (has(Piece::context_soft)) {
            k_.pop(per_cpu(PerCpu::context));
            --above_;
        }
        if (has(Piece::context_cs)) set_context_if_from_user(user_context);
        if (has(Piece::ibrs)) write_spec_ctrl(0);
        if (has(Piece::save)) {
            for (auto each = saved_.rbegin(); each != saved_.rend(); ++each) k_.pop(*each);
            above_ -= saved_.size();
        }
        change_cr3();
        if (by == Return::sysret) {
            if (path().builds_frame) {
                k_.mov(k_.rcx, frame(rip));
                k_.mov(k_.r11, frame(rflags));
                k_.mov(k_.rsp, frame(rsp));
            } else if (has(Piece::stack)) {
                k_.mov(k_.rsp, per_cpu(PerCpu::user_rsp));
            }
        }
        if (has(Piece::paranoid_fsgsbase)) k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xd9});  // wrgsbase r9
        if (has(Piece::paranoid_rdmsr)) {
            Label is_kernels;
            k_.test(k_.r9d, k_.r9d);
            k_.jnz(is_kernels);
            k_.swapgs();
            k_.L(is_kernels);
        }
        if (has(Piece::swapgs)) swap_gs_if_from_user();
        if (has(Piece::verw)) {
            k_.bytes({0x0f, 0x00, 0x2c, 0x25});  // verw [disp32]
            k_.dd(static_cast<std::uint32_t>(code_.at(GuestCode::data) + PerCpu::selector));
        }
        if (has_error_code()) k_.add(k_.rsp, word_size);
        switch (by) {
            case Return::sysret:
                return k_.sysretq();
            case Return::sysexit:
                return path().is_64_bit() ? k_.sysexitq() : k_.sysexit();
            case Return::iret:
                return k_.iretq();
        }
    }

    /// Emits `work` so that it executes only for an entry from user mode. A handler of exceptions looks at what it
    /// interrupted; SYSCALL always comes from the user.
    template <typename Work>
    void if_from_user(const Work& work) {
        if (!is_gate()) return work();
        Label from_kernel;
        k_.test(k_.byte[k_.rsp + offset(cs)], 3);
        k_.jz(from_kernel, Code::T_NEAR);
        work();
        k_.L(from_kernel);
    }

    void swap_gs_if_from_user() {
        if_from_user([&] { k_.swapgs(); });
    }
    void set_context_if_from_user(unsigned value) {
        if_from_user([&] { k_.mov(per_cpu(PerCpu::context, k_.dword), value); });
    }

    /// Emits a load of CR3 with the same root, which costs what another root would.
    void change_cr3() {
        if (!has(Piece::cr3) && !has(Piece::cr3_pcid)) return;
        constexpr int keeps_translations = 63;
        k_.bytes({0x0f, 0x20, 0xd8});  // mov rax, cr3
        if (has(Piece::cr3_pcid)) k_.bts(k_.rax, keeps_translations);
        k_.bytes({0x0f, 0x22, 0xd8});  // mov cr3, rax
    }

    void to_task_stack() {
        if (!is_gate()) {
            if (path().way == Way::syscall) k_.mov(per_cpu(PerCpu::user_rsp), k_.rsp);
            k_.mov(stack_pointer_, per_cpu(PerCpu::task_stack));
            return;
        }
        k_.mov(k_.r10, k_.rsp);
        k_.mov(k_.rsp, per_cpu(PerCpu::task_stack));
        for (auto word = above_ + words; word-- != 0;) {
            k_.push(k_.qword[k_.r10 + word * word_size]);
        }
    }

    void build_frame() {
        if (!has(Piece::stack)) k_.mov(k_.r10, k_.rsp);
        k_.push(GATECRASH_USER_SS);
        if (has(Piece::stack)) {
            k_.push(per_cpu(PerCpu::user_rsp));
        } else {
            k_.push(k_.r10);
        }
        k_.push(k_.r11);
        k_.push(GATECRASH_USER_CS);
        k_.push(k_.rcx);
    }

    void write_spec_ctrl(unsigned value) {
        k_.mov(k_.ecx, msr_spec_ctrl);
        k_.xor_(k_.edx, k_.edx);
        k_.mov(k_.eax, value);
        k_.wrmsr();
    }

    /// Emits calls that nothing returns from (Intel, "Retpoline: A Branch Target Injection Mitigation", RSB stuffing).
    void stuff_return_stack() {
        constexpr unsigned entries = 32;
        for (unsigned i = 0; i < entries; ++i) {
            Label next;
            k_.call(next);
            k_.int3();
            k_.L(next);
        }
        k_.add(stack_pointer_, entries * static_cast<std::uint32_t>(path().word_size));
        k_.lfence();
    }

    /// Loads a register from where `save` pushed it, since `clear` has cleared it after that.
    void load_saved(const Xbyak::Reg64& which) {
        if (!has(Piece::save)) return;
        const auto at = std::find(saved_.begin(), saved_.end(), which) - saved_.begin();
        const auto pushed_behind = saved_.size() - 1 - static_cast<std::size_t>(at);
        const auto on_top = above_ - saved_.size();
        k_.mov(which, k_.qword[k_.rsp + (on_top + pushed_behind) * word_size]);
    }

    [[nodiscard]] std::size_t offset(Word word) const { return (above_ + word) * word_size; }
    [[nodiscard]] Xbyak::Address frame(Word word) const { return k_.qword[k_.rsp + offset(word)]; }
    /// Returns an operand for a word of per-CPU data, or for what `size` says. Use it only in the next instruction,
    /// since it emits the segment prefix at once.
    [[nodiscard]] Xbyak::Address per_cpu(PerCpu::Offset at) const { return per_cpu(at, k_.qword); }
    [[nodiscard]] Xbyak::Address per_cpu(PerCpu::Offset at, const Xbyak::AddressFrame& size) const {
        k_.putSeg(path().is_64_bit() ? k_.gs : k_.fs);
        return size[Xbyak::RegExp(static_cast<std::size_t>(at))];
    }

    static constexpr std::size_t word_size = 8;  ///< bytes; only 64-bit paths use it
    /// All general registers but RSP.
    static inline const Xbyak::Reg64 general_registers[] = {
        Xbyak::util::rdi, Xbyak::util::rsi, Xbyak::util::rdx, Xbyak::util::rcx, Xbyak::util::rax,
        Xbyak::util::r8,  Xbyak::util::r9,  Xbyak::util::r10, Xbyak::util::r11, Xbyak::util::rbx,
        Xbyak::util::rbp, Xbyak::util::r12, Xbyak::util::r13, Xbyak::util::r14, Xbyak::util::r15};

    GuestCode& code_;
    Code& k_ = code_.kernel;
    const Composition& composition_;
    Label* entry_;
    Label by_iret_, never_;
    const Xbyak::Reg32e stack_pointer_{Xbyak::Operand::RSP, static_cast<int>(8 * path().word_size)};
    std::vector<Xbyak::Reg64> saved_;
    std::size_t above_ = 0;  ///< words between RSP and the frame
};

}  // namespace

void emit_entry(GuestCode& guest, const Composition& composition, Label& entry) {
    EntryCode(guest, composition, entry).emit();
}

}  // namespace gatecrash::bench
