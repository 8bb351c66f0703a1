#include "entry_guest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gatecrash/bench/host.hpp"
#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/tiny_guest.hpp"
#include "gatecrash/machine/vendor.hpp"

namespace gatecrash::bench {
namespace {

using machine::Code;
using machine::msr_gs_base, machine::msr_kernel_gs_base, machine::msr_spec_ctrl;
using machine::msr_sysenter_cs, machine::msr_sysenter_eip, machine::msr_sysenter_esp;
using machine::TinyGuest;
using Xbyak::Label;

constexpr std::uint64_t cr4_fsgsbase = 1 << 16, cr4_pcide = 1 << 17;
constexpr std::uint32_t rflags_if = machine::rflags_if, rf_and_tf = machine::rflags_rf | machine::rflags_tf;
constexpr std::uint64_t user_gs_base = 0x1000;  ///< not negative, as a kernel's is
constexpr std::uint64_t absent_page = 0x700000;
constexpr unsigned absent_read_length = 2;

/// What a kernel has in its per-CPU data, by offset from the GS base.
enum PerCpu : std::uint8_t { task_stack = 0, user_rsp = 8, context = 16, work = 24, selector = 32 };
constexpr unsigned kernel_context = 0, user_context = 1, exit_work_mask = 0x7f, needs_iret = 0x100;

/// Neither RSP0 nor what the NMI has.
constexpr std::uint64_t task_stack_top = TinyGuest::stack(2);
static_assert(GATECRASH_IST_NMI != 2);

/// The frame that the CPU pushes, in words.
enum Word : std::uint8_t { rip, cs, rflags, rsp, ss, words };

class EntryGuest {
  public:
    EntryGuest(Composition composition, bool enters, Repetition repetition)
        : composition_(std::move(composition)), enters_(enters), repetition_(repetition) {}

    machine::Image build(const std::string& name) {
        // xbyak has the handler's label linked to copies that are made once it is placed, so the handler comes first.
        Label start;
        k_.jmp(start, Code::T_NEAR);
        handler();
        k_.L(never_);
        k_.doorbell(GATECRASH_PORT_FATAL);
        k_.L(start);
        boot();
        return guest_.build(name);
    }

  private:
    [[nodiscard]] const EntryPath& path() const { return *composition_.path; }
    [[nodiscard]] bool has(const char* piece) const { return composition_.has(piece); }
    [[nodiscard]] bool is_gate() const { return path().way == Way::gate; }
    [[nodiscard]] bool has_error_code() const { return is_gate() && path().vector == GATECRASH_VECTOR_PF; }

    // --- the workload ---

    void boot() {
        const bool has_gs = has("swapgs") || has("paranoid-rdmsr") || has("paranoid-fsgsbase");
        const auto of_user = has_gs ? user_gs_base : TinyGuest::data;
        // As after a boot: IRET to the user may clear the base of what it finds unusable for CPL 3.
        k_.xor_(k_.eax, k_.eax);
        k_.mov(k_.fs, k_.eax);
        k_.mov(k_.gs, k_.eax);
        guest_.write_msr(msr_gs_base, path().cpl == 3 ? of_user : TinyGuest::data);
        guest_.write_msr(msr_kernel_gs_base, path().cpl == 3 ? TinyGuest::data : of_user);
        k_.mov(k_.rax, TinyGuest::data);
        k_.mov(k_.rcx, task_stack_top);
        k_.mov(k_.qword[k_.rax + PerCpu::task_stack], k_.rcx);
        k_.mov(k_.qword[k_.rax + PerCpu::selector], GATECRASH_KERNEL_SS);
        k_.mov(k_.qword[k_.rax + PerCpu::context], path().cpl == 3 ? user_context : kernel_context);
        const auto wanted_cr4 = (has("paranoid-fsgsbase") ? cr4_fsgsbase : 0) | (has("cr3-pcid") ? cr4_pcide : 0);
        if (wanted_cr4 != 0) {
            k_.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
            k_.or_(k_.eax, static_cast<std::uint32_t>(wanted_cr4));
            k_.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
        }
        lead_to_handler();
        guest_.load_segments();
        if (path().cpl == 3) {
            guest_.enter_user(rflags_if | 2);
            workload(guest_.user);
        } else {
            if (path().event == machine::Event::Kind::irq) {
                k_.sti();
                k_.nop();
            }
            workload(k_);
        }
    }

    void lead_to_handler() {
        switch (path().way) {
            case Way::syscall:
                guest_.enable_syscall(entry_, rflags_if | rf_and_tf);
                break;
            case Way::sysenter:
                guest_.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
                guest_.write_msr(msr_sysenter_esp, TinyGuest::stack(0));
                guest_.write_msr(msr_sysenter_eip, entry_);
                break;
            case Way::gate:
                guest_.handle(path().vector, entry_, path().vector == GATECRASH_VECTOR_NMI ? GATECRASH_IST_NMI : 0);
                break;
        }
    }

    void workload(Code& c) {
        Label again;
        c.mov(c.r15d, static_cast<std::uint32_t>(machine::number(samples_address)));
        c.mov(c.r14d, repetition_.samples);
        c.mov(c.ebx, static_cast<std::uint32_t>(absent_page));
        c.doorbell(GATECRASH_PORT_BEGIN);
        c.L(again);
        read_time(c);
        c.mov(c.r12, c.rax);
        for (unsigned pass = 0; pass < repetition_.passes; ++pass) {
            enter(c);
            c.lfence();
        }
        read_time(c);
        c.sub(c.rax, c.r12);
        c.mov(c.qword[c.r15], c.rax);
        c.add(c.r15, sizeof(std::uint64_t));
        c.dec(c.r14d);
        c.jnz(again, Code::T_NEAR);
        c.doorbell(GATECRASH_PORT_END);
        c.doorbell(GATECRASH_PORT_DONE);
    }

    /// RAX is the time-stamp counter.
    static void read_time(Code& c) {
        c.lfence();
        c.rdtsc();
        c.lfence();
        c.shl(c.rdx, 32);
        c.or_(c.rax, c.rdx);
    }

    void enter(Code& c) const {
        if (path().event) return;
        switch (path().way) {
            case Way::syscall:
                if (enters_) c.syscall();
                break;
            case Way::sysenter: {
                Label back;
                c.mov(c.rcx, c.rsp);
                c.lea(c.rdx, c.ptr[c.rip + back]);
                if (enters_) c.sysenter();
                c.L(back);
                break;
            }
            case Way::gate:
                if (enters_) raise(c);
                break;
        }
    }

    void raise(Code& c) const {
        switch (path().vector) {
            case GATECRASH_VECTOR_PF:
                c.mov(c.al, c.byte[c.rbx]);
                break;
            case GATECRASH_VECTOR_BP:
                c.int3();
                break;
            default:
                c.int_(path().vector);
        }
    }

    // --- the kernel ---

    void handler() {
        k_.align(64);
        k_.L(entry_);
        above_ = has_error_code() ? 1 : 0;
        way_in();
        if (has_error_code()) k_.add(frame(rip), absent_read_length);
        tests();
        const auto above = above_;
        way_out(path().by);
        if (path().by == Return::iret) return;
        above_ = above;
        k_.L(by_iret_);
        if (path().builds_frame) way_out(Return::iret);
    }

    void way_in() {
        if (has("swapgs")) swap_gs_if_from_user();
        if (has("paranoid-rdmsr")) {
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
        if (has("paranoid-fsgsbase")) {
            k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xc9});  // rdgsbase r9
            k_.mov(k_.r11, TinyGuest::data);
            k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xdb});  // wrgsbase r11
        }
        if (has("lfence")) k_.lfence();
        change_cr3();
        if (has("stack")) to_task_stack();
        if (path().builds_frame) build_frame();
        if (has("save")) {
            for (const auto& each : saved) k_.push(each);
            above_ += std::size(saved);
        }
        if (has("clear")) {
            for (const auto& each : saved) k_.xor_(each.cvt32(), each.cvt32());
        }
        if (has("ibrs")) write_spec_ctrl(1);
        if (has("rsb")) stuff_return_stack();
        if (has("context-cs")) set_context_if_from_user(kernel_context);
        if (has("context-soft")) {
            k_.push(per_cpu(PerCpu::context));
            ++above_;
            k_.mov(per_cpu(PerCpu::context), kernel_context);
        }
    }

    /// Of the way out, what comes before anything is given back.
    void tests() {
        if (has("exit-work")) {
            k_.test(per_cpu(PerCpu::work), exit_work_mask);
            k_.jnz(never_, Code::T_NEAR);
        }
        if (has("espfix")) {
            k_.test(k_.byte[k_.rsp + offset(ss)], 4);
            k_.jnz(never_, Code::T_NEAR);
        }
        if (has("tif-iret")) {
            k_.test(per_cpu(PerCpu::work), needs_iret);
            k_.jnz(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-rcx")) {
            load_saved(k_.rcx);
            k_.cmp(k_.rcx, frame(rip));
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-canonical")) {
            constexpr int above_canonical = 16;
            k_.mov(k_.r10, frame(rip));
            k_.mov(k_.r8, k_.r10);
            k_.shl(k_.r10, above_canonical);
            k_.sar(k_.r10, above_canonical);
            k_.cmp(k_.r10, k_.r8);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-cs")) {
            k_.cmp(frame(cs), GATECRASH_USER_CS);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-r11")) {
            load_saved(k_.r11);
            k_.cmp(k_.r11, frame(rflags));
            k_.jne(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-rf-tf")) {
            k_.test(k_.dword[k_.rsp + offset(rflags)], rf_and_tf);
            k_.jnz(by_iret_, Code::T_NEAR);
        }
        if (has("sysret-ss")) {
            k_.cmp(frame(ss), GATECRASH_USER_SS);
            k_.jne(by_iret_, Code::T_NEAR);
        }
        // Where the return is an IRET anyway, it is here.
        if (path().by == Return::iret) k_.L(by_iret_);
    }

    void way_out(Return by) {
        if (has("context-soft")) {
            k_.pop(per_cpu(PerCpu::context));
            --above_;
        }
        if (has("context-cs")) set_context_if_from_user(user_context);
        if (has("ibrs")) write_spec_ctrl(0);
        if (has("save")) {
            for (auto each = std::rbegin(saved); each != std::rend(saved); ++each) k_.pop(*each);
            above_ -= std::size(saved);
        }
        change_cr3();
        if (by == Return::sysret) {
            if (path().builds_frame) {
                k_.mov(k_.rcx, frame(rip));
                k_.mov(k_.r11, frame(rflags));
                k_.mov(k_.rsp, frame(rsp));
            } else if (has("stack")) {
                k_.mov(k_.rsp, per_cpu(PerCpu::user_rsp));
            }
        }
        if (has("paranoid-fsgsbase")) k_.bytes({0xf3, 0x49, 0x0f, 0xae, 0xd9});  // wrgsbase r9
        if (has("paranoid-rdmsr")) {
            Label is_kernels;
            k_.test(k_.r9d, k_.r9d);
            k_.jnz(is_kernels);
            k_.swapgs();
            k_.L(is_kernels);
        }
        if (has("swapgs")) swap_gs_if_from_user();
        if (has("verw")) {
            k_.bytes({0x0f, 0x00, 0x2c, 0x25});  // verw [disp32]
            k_.dd(static_cast<std::uint32_t>(TinyGuest::data + PerCpu::selector));
        }
        if (has_error_code()) k_.add(k_.rsp, word_size);
        switch (by) {
            case Return::sysret:
                return k_.sysretq();
            case Return::sysexit:
                return k_.sysexitq();
            case Return::iret:
                return k_.iretq();
        }
    }

    /// A handler of exceptions looks at what it interrupted; SYSCALL comes from the user.
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
        if_from_user([&] { k_.mov(per_cpu(PerCpu::context), value); });
    }

    /// To the same root, which costs what another one would.
    void change_cr3() {
        if (!has("cr3") && !has("cr3-pcid")) return;
        constexpr int keeps_translations = 63;
        k_.bytes({0x41, 0x0f, 0x20, 0xda});  // mov r10, cr3
        if (has("cr3-pcid")) k_.bts(k_.r10, keeps_translations);
        k_.bytes({0x41, 0x0f, 0x22, 0xda});  // mov cr3, r10
    }

    void to_task_stack() {
        if (!is_gate()) {
            if (path().way == Way::syscall) k_.mov(per_cpu(PerCpu::user_rsp), k_.rsp);
            k_.mov(k_.rsp, per_cpu(PerCpu::task_stack));
            return;
        }
        k_.mov(k_.r10, k_.rsp);
        k_.mov(k_.rsp, per_cpu(PerCpu::task_stack));
        for (auto word = above_ + words; word-- != 0;) {
            k_.push(k_.qword[k_.r10 + word * word_size]);
        }
    }

    void build_frame() {
        if (!has("stack")) k_.mov(k_.r10, k_.rsp);
        k_.push(GATECRASH_USER_SS);
        if (has("stack")) {
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

    /// Calls that nothing returns from (Intel, "Retpoline: A Branch Target Injection Mitigation", RSB stuffing).
    void stuff_return_stack() {
        constexpr unsigned entries = 32;
        for (unsigned i = 0; i < entries; ++i) {
            Label next;
            k_.call(next);
            k_.int3();
            k_.L(next);
        }
        k_.add(k_.rsp, entries * word_size);
        k_.lfence();
    }

    /// A register's value from what was saved: behind `clear` it has no other.
    void load_saved(const Xbyak::Reg64& which) {
        if (!has("save")) return;
        const auto at = std::find(std::begin(saved), std::end(saved), which) - std::begin(saved);
        const auto pushed_behind = std::size(saved) - 1 - static_cast<std::size_t>(at);
        const auto on_top = above_ - std::size(saved);
        k_.mov(which, k_.qword[k_.rsp + (on_top + pushed_behind) * word_size]);
    }

    [[nodiscard]] std::size_t offset(Word word) const { return (above_ + word) * word_size; }
    [[nodiscard]] Xbyak::Address frame(Word word) const { return k_.qword[k_.rsp + offset(word)]; }
    /// Only as an operand: the prefix is written at once.
    [[nodiscard]] Xbyak::Address per_cpu(PerCpu at) const {
        k_.putSeg(k_.gs);
        return k_.qword[Xbyak::RegExp(static_cast<std::size_t>(at))];
    }

    static constexpr std::size_t word_size = 8;
    static inline const Xbyak::Reg64 saved[] = {Xbyak::util::rdi, Xbyak::util::rsi, Xbyak::util::rdx, Xbyak::util::rcx,
                                                Xbyak::util::rax, Xbyak::util::r8,  Xbyak::util::r9,  Xbyak::util::r10,
                                                Xbyak::util::r11, Xbyak::util::rbx, Xbyak::util::rbp, Xbyak::util::r12,
                                                Xbyak::util::r13, Xbyak::util::r14, Xbyak::util::r15};

    Composition composition_;
    bool enters_;
    Repetition repetition_;
    TinyGuest guest_;
    Code& k_ = guest_.kernel;
    Label entry_, by_iret_, never_;
    std::size_t above_ = 0;  ///< words between RSP and the frame
};

}  // namespace

machine::Image entry_guest(const Composition& composition, Repetition repetition) {
    return EntryGuest(composition, true, repetition).build(composition.name());
}

machine::Image empty_guest(const EntryPath& path, Repetition repetition) {
    return EntryGuest({&path, {}}, false, repetition).build("empty");
}

std::optional<std::string> missing_for(const Composition& composition) {
    if (composition.path->way == Way::sysenter && machine::cpu_vendor() == machine::Vendor::amd) {
        return "AMD CPUs have no SYSENTER in long mode";
    }
    const struct {
        const char *piece, *flag, *name;
    } needs[]{{"cr3-pcid", "pcid", "PCID"}, {"paranoid-fsgsbase", "fsgsbase", "FSGSBASE"}, {"ibrs", "ibrs", "IBRS"}};
    for (const auto& [piece, flag, name] : needs) {
        if (composition.has(piece) && !has_cpu_flag(flag)) return fmt::format("the CPU has no {}", name);
    }
    return std::nullopt;
}

}  // namespace gatecrash::bench
