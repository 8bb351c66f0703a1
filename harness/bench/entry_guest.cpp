#include "bench/entry_guest.hpp"

#include <fmt/format.h>

#include "bench/entry_code.hpp"
#include "bench/host.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::bench {
namespace {

using vm::Code;
using vm::GuestCode;
using vm::msr_gs_base, vm::msr_kernel_gs_base;
using vm::msr_sysenter_cs, vm::msr_sysenter_eip, vm::msr_sysenter_esp;
using Xbyak::Label;

constexpr std::uint64_t cr4_fsgsbase = 1 << 16, cr4_pcide = 1 << 17;
constexpr std::uint32_t rflags_if = vm::rflags_if;
constexpr std::uint64_t user_gs_base = 0x1000;  ///< not negative, unlike a kernel's
constexpr std::uint64_t absent_page = 0x700000;

/// The top of a stack that neither RSP0 nor the NMI uses.
constexpr std::uint64_t task_stack_top = GuestCode::stack(2);
static_assert(GATECRASH_IST_NMI != 2);

class EntryGuest {
  public:
    EntryGuest(Composition composition, bool enters, Repetition repetition)
        : composition_(std::move(composition)), enters_(enters), repetition_(repetition), code_(path().word_size) {}

    vm::Image build(const std::string& name) {
        // xbyak links the handler's label to copies of it that are made after the label was placed, so the handler
        // comes first.
        Label start;
        k_.jmp(start, Code::T_NEAR);
        emit_entry(code_, composition_, entry_);
        k_.L(start);
        boot();
        return code_.build(name);
    }

  private:
    [[nodiscard]] const EntryPath& path() const { return *composition_.path; }
    [[nodiscard]] bool has(Piece piece) const { return composition_.has(piece); }

    void boot() {
        if (path().is_64_bit()) {
            set_gs();
            set_cr4();
        } else {
            k_.mov(k_.eax, GuestCode::per_cpu);
            k_.mov(k_.fs, k_.eax);
        }
        k_.mov(k_.rax, code_.at(GuestCode::data));
        k_.mov(k_.rcx, code_.at(task_stack_top));
        k_.mov(k_.ptr[k_.rax + PerCpu::task_stack], word(k_.rcx));
        k_.mov(k_.dword[k_.rax + PerCpu::selector], GATECRASH_KERNEL_SS);
        k_.mov(k_.dword[k_.rax + PerCpu::context], path().cpl == 3 ? user_context : kernel_context);
        lead_to_handler();
        code_.load_segments();
        if (path().cpl == 3) {
            code_.enter_user(rflags_if | 2, path().is_64_bit() ? GATECRASH_USER_CS : GATECRASH_USER32_CS);
            workload(code_.user);
        } else {
            if (path().event == vm::Event::Kind::irq) {
                k_.sti();
                k_.nop();
            }
            workload(k_);
        }
    }

    void set_gs() {
        const bool has_gs = has(Piece::swapgs) || has(Piece::paranoid_rdmsr) || has(Piece::paranoid_fsgsbase);
        const auto of_user = has_gs ? user_gs_base : GuestCode::data;
        // Loads NULL selectors, as after a boot: IRET to the user may clear the base of a segment that is not usable at
        // CPL 3.
        k_.xor_(k_.eax, k_.eax);
        k_.mov(k_.fs, k_.eax);
        k_.mov(k_.gs, k_.eax);
        code_.write_msr(msr_gs_base, path().cpl == 3 ? of_user : GuestCode::data);
        code_.write_msr(msr_kernel_gs_base, path().cpl == 3 ? GuestCode::data : of_user);
    }

    void set_cr4() {
        const auto wanted = (has(Piece::paranoid_fsgsbase) ? cr4_fsgsbase : 0) | (has(Piece::cr3_pcid) ? cr4_pcide : 0);
        if (wanted == 0) return;
        k_.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
        k_.or_(k_.eax, static_cast<std::uint32_t>(wanted));
        k_.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
    }

    void lead_to_handler() {
        switch (path().way) {
            case Way::syscall:
                code_.enable_syscall(entry_, rflags_if | vm::rflags_rf | vm::rflags_tf);
                break;
            case Way::sysenter:
                code_.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
                code_.write_msr(msr_sysenter_esp, code_.at(GuestCode::stack(0)));
                code_.write_msr(msr_sysenter_eip, entry_);
                break;
            case Way::gate:
                code_.handle(path().vector, entry_, path().vector == GATECRASH_VECTOR_NMI ? GATECRASH_IST_NMI : 0);
                break;
        }
    }

    /// Emits the workload, in instructions that both modes have.
    void workload(Code& c) {
        Label again;
        c.mov(c.edi, static_cast<std::uint32_t>(vm::number(samples_address)));
        c.mov(c.esi, repetition_.samples);
        if (path().is_64_bit()) c.mov(c.r15d, static_cast<std::uint32_t>(absent_page));
        c.doorbell(GATECRASH_PORT_BEGIN);
        c.L(again);
        read_time(c);
        c.mov(c.ebx, c.eax);
        c.mov(c.ebp, c.edx);
        for (unsigned pass = 0; pass < repetition_.passes; ++pass) {
            enter(c);
            c.lfence();
        }
        read_time(c);
        c.sub(c.eax, c.ebx);
        c.sbb(c.edx, c.ebp);
        c.mov(c.dword[c.rdi], c.eax);
        c.mov(c.dword[c.rdi + sizeof(std::uint32_t)], c.edx);
        c.add(c.edi, sizeof(std::uint64_t));
        c.dec(c.esi);
        c.jnz(again, Code::T_NEAR);
        c.doorbell(GATECRASH_PORT_END);
        c.doorbell(GATECRASH_PORT_DONE);
    }

    /// Emits a reading of the time-stamp counter into EDX:EAX.
    static void read_time(Code& c) {
        c.lfence();
        c.rdtsc();
        c.lfence();
    }

    void enter(Code& c) const {
        switch (path().way) {
            case Way::syscall:
                if (enters_) c.syscall();
                break;
            case Way::sysenter: {
                constexpr unsigned mov_length = 5, sysenter_length = 2;
                c.mov(c.ecx, c.esp);
                const auto behind = c.getSize() + mov_length + (enters_ ? sysenter_length : 0);
                c.mov(c.edx, static_cast<std::uint32_t>(GuestCode::user_text + behind));
                if (enters_) c.sysenter();
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
                c.mov(c.al, c.byte[c.r15]);
                break;
            case GATECRASH_VECTOR_BP:
                c.int3();
                break;
            case GATECRASH_VECTOR_UD:
                c.ud2();
                break;
            default:
                c.int_(path().vector);
        }
    }

    /// Returns the register with the width of the guest's words.
    [[nodiscard]] Xbyak::Reg32e word(const Xbyak::Reg64& reg) const {
        return Xbyak::Reg32e(reg.getIdx(), static_cast<int>(8 * path().word_size));
    }

    Composition composition_;
    bool enters_;
    Repetition repetition_;
    GuestCode code_;
    Code& k_ = code_.kernel;
    Label entry_;
};

}  // namespace

vm::Image counted_guest(const Composition& composition) {
    return EntryGuest(composition, !composition.path->event, {}).build(composition.name());
}

vm::Image timed_guest(const Composition& composition, Repetition repetition) {
    return EntryGuest(composition, true, repetition).build(composition.name());
}

vm::Image empty_guest(const EntryPath& path, Repetition repetition) {
    return EntryGuest({&path, {}}, false, repetition).build("empty");
}

std::optional<std::string> missing_for(const Composition& composition) {
    const auto& path = *composition.path;
    if (path.way == Way::sysenter && path.is_64_bit() && vm::cpu_vendor() == vm::Vendor::amd) {
        return "AMD CPUs have no SYSENTER in long mode";
    }
    const struct {
        Piece piece;
        const char *flag, *name;
    } needs[]{{Piece::cr3_pcid, "pcid", "PCID"},
              {Piece::paranoid_fsgsbase, "fsgsbase", "FSGSBASE"},
              {Piece::ibrs, "ibrs", "IBRS"}};
    for (const auto& [piece, flag, name] : needs) {
        if (composition.has(piece) && !has_cpu_flag(flag)) return fmt::format("the CPU has no {}", name);
    }
    return std::nullopt;
}

}  // namespace gatecrash::bench
