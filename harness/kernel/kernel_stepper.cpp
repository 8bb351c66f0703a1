#include "kernel/kernel_stepper.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <variant>

#include "vm/instruction.hpp"
#include "vm/state/msrs.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {

KernelStepper::~KernelStepper() {
    try {
        guest_.cpu().set_guest_debug(0);
    } catch (const std::exception&) {
        // The guest is about to be destroyed, or the next call reports the same.
    }
}

bool KernelStepper::step() {
    auto& cpu = guest_.cpu();
    std::array<std::byte, vm::Instruction::max_length> bytes{};
    const vm::Virtual at{cpu.regs().rip};
    const auto readable = guest_.read(at, bytes);
    auto instruction = vm::decode(std::span(bytes).first(readable), at, vm::code_size(cpu.sregs().cs));
    if (instruction && vm::opens_shadow(*instruction)) {
        const vm::Virtual next{number(at) + instruction->length};
        instruction = vm::decode(std::span(bytes).first(guest_.read(next, bytes)), next, vm::code_size(cpu.sregs().cs));
    }
    const auto kind = instruction ? instruction->kind : vm::Kind::other;
    vm::Msrs msrs;
    if (kind == vm::Kind::syscall) {
        vm::read_msrs(cpu, msrs);
        auto passing = msrs;
        passing.fmask &= ~vm::rflags_tf;
        vm::write_msrs(cpu, passing, &msrs);
    }
    if (kind == vm::Kind::sysret) set_r11_flag(true);

    cpu.set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
    const auto exit = cpu.run();

    if (kind == vm::Kind::syscall) vm::write_msrs(cpu, msrs);
    if (kind == vm::Kind::sysret || kind == vm::Kind::syscall) set_r11_flag(false);
    if (kind == vm::Kind::push_flags) clear_pushed_flag();
    if (const auto* io = std::get_if<kvm::IoExit>(&exit); io != nullptr && io->is_out) {
        cpu.complete_exit();
        return false;
    }
    if (!std::holds_alternative<kvm::DebugExit>(exit))
        throw BootError(fmt::format("a step at {:#x} ended with {}", number(at), kvm::describe(exit)));
    return true;
}

void KernelStepper::clear_pushed_flag() {
    const vm::Virtual where{guest_.cpu().regs().rsp};
    const auto flags = guest_.word_at(where).value();
    guest_.write(where, flags & ~vm::rflags_tf);
}

void KernelStepper::set_r11_flag(bool on) {
    auto regs = guest_.cpu().regs();
    regs.r11 = on ? regs.r11 | vm::rflags_tf : regs.r11 & ~vm::rflags_tf;
    guest_.cpu().set_regs(regs);
}

}  // namespace gatecrash::kernel
