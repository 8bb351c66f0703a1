// Steps a kernel through a window, instruction by instruction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernel/kernel_guest.hpp"
#include "vm/instruction.hpp"

namespace gatecrash::kernel {

/// A call that has not returned.
struct Call {
    vm::Virtual returns_to;
    vm::Virtual at;  ///< where the return address is on the stack
};

/// The places of a table in the guest's memory. It may cross a page.
class GuestTable {
  public:
    /// Finds `size` bytes at `base`. Throws vm::MachineFault if they are not mapped.
    void find(KernelGuest& guest, vm::Virtual base, std::size_t size);
    /// Writes all bytes of the table.
    void write(std::span<const std::byte> bytes);

  private:
    std::vector<std::span<std::byte>> pieces_;
};

/// Executes single instructions with the trap flag, and hides the flag from the guest
/// (vm/stepping/trap_flag_stepper.cpp has the table of where a guest could see it). The gates of the guest's IDT lead
/// to the catchers during a step. So the CPU delivers exceptions and interrupts as usual, on the usual stack, and the
/// step ends before the first instruction of the handler. The instruction after an STI or a load of SS executes in the
/// same step. A program's own trap flag works: the stepper delivers its #DB.
class KernelStepper {
  public:
    struct Step {
        std::optional<Stop> end;                ///< the guest stopped, and did not reach a further boundary
        std::optional<std::uint8_t> delivered;  ///< a vector; the boundary is the first of its handler
    };

    /// The guest must watch `facts`. Its RFLAGS.TF is the program's own.
    KernelStepper(KernelGuest& guest, const KernelFacts& facts);
    KernelStepper(const KernelStepper&) = delete;
    KernelStepper& operator=(const KernelStepper&) = delete;
    ~KernelStepper();

    /// Executes the next instruction, or delivers what is due before it.
    [[nodiscard]] Step step();
    /// Runs freely until `call` returns, or until the guest reaches one of `places`, which are kernel code. Then the
    /// result is empty. The return address on the stack is another one meanwhile.
    [[nodiscard]] std::optional<Stop> run_until_return(const Call& call, std::span<const vm::Virtual> places);
    /// Runs freely until the CPU delivers an exception or an interrupt, and stops before its handler. Then the result
    /// is empty.
    [[nodiscard]] std::optional<Stop> run_to_delivery();
    /// True if the program that is stepped has set its trap flag, which registers do not show during steps.
    [[nodiscard]] bool has_flag() const { return flag_; }
    /// Returns the instruction that is about to execute. Nothing if its bytes are none.
    [[nodiscard]] std::optional<vm::Instruction> next_instruction() { return guest_.instruction_at(guest_.rip()); }

  private:
    /// Enters the guest with the flags `debug` of KVM_SET_GUEST_DEBUG until it is at another boundary.
    [[nodiscard]] Step run_to_boundary(std::uint32_t debug);
    [[nodiscard]] Step deliver(std::uint8_t vector);
    void find_gates();
    void set_flag_at(vm::Virtual address, bool on);
    void set_r11_flag(bool on);
    /// Returns the kind of an instruction, for what it does to the trap flag. In legacy mode SYSCALL and SYSRET leave
    /// that flag alone (APM volume 3, SYSCALL).
    [[nodiscard]] vm::Kind kind_of(const vm::Instruction& instruction);
    /// Returns the trap flag that an instruction of this kind is about to load, or nothing if it loads none.
    [[nodiscard]] std::optional<bool> loaded_flag(vm::Kind kind);
    void raise_single_step();

    KernelGuest& guest_;
    const KernelFacts& facts_;
    bool flag_;  ///< the guest's own TF
    std::vector<std::byte> idt_, catching_idt_;
    std::array<vm::Virtual, GATECRASH_VECTORS> handlers_{};
    GuestTable idt_in_memory_;
};

}  // namespace gatecrash::kernel
