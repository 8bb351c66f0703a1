#include "kernel/kernel_stepper.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "kernel/delivery_frame.hpp"
#include "vm/outcome.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/state/debug_registers.hpp"
#include "vm/state/msrs.hpp"
#include "vm/state/registers.hpp"
#include "vm/stepping/hidden_nmi.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::kernel {
namespace {

using vm::Virtual;

constexpr int max_attempts = 8;
constexpr int patience = 20;            ///< firings of the watchdog
constexpr int max_interruptions = 500;  ///< the same, for code that runs freely

/// Lets the gates of the IDT lead to the catchers while it lives.
class Catching {
  public:
    Catching(GuestTable& idt, std::span<const std::byte> gates, std::span<const std::byte> catching)
        : idt_(idt), gates_(gates) {
        idt_.write(catching);
    }
    ~Catching() { idt_.write(gates_); }
    Catching(const Catching&) = delete;
    Catching& operator=(const Catching&) = delete;

  private:
    GuestTable& idt_;
    std::span<const std::byte> gates_;
};

/// Puts other bytes at an address of the guest while it lives.
class OtherBytes {
  public:
    OtherBytes(KernelGuest& guest, Virtual address, std::span<const std::byte> bytes) : original_(bytes.size()) {
        const auto physical = guest.translate(address);
        if (!physical || vm::offset_in_page(address) + bytes.size() > vm::page_size)
            throw vm::MachineFault("the kernel has no memory where a step must stop it");
        place_ = guest.memory().subspan(number(*physical), bytes.size());
        std::ranges::copy(place_, original_.begin());
        std::ranges::copy(bytes, place_.begin());
    }
    ~OtherBytes() { std::ranges::copy(original_, place_.begin()); }
    OtherBytes(const OtherBytes&) = delete;
    OtherBytes& operator=(const OtherBytes&) = delete;

  private:
    std::vector<std::byte> original_;
    std::span<std::byte> place_;
};

}  // namespace

KernelStepper::KernelStepper(KernelGuest& guest, const KernelFacts& facts)
    : guest_(guest), facts_(facts), flag_((guest.cpu().regs().rflags & vm::rflags_tf) != 0) {
    find_gates();
}

KernelStepper::~KernelStepper() {
    try {
        guest_.cpu().set_guest_debug(0);
    } catch (const std::exception&) {
        // The guest is about to be destroyed, or the next call reports the same.
    }
}

void GuestTable::find(KernelGuest& guest, Virtual base, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
        const Virtual at{number(base) + done};
        const auto physical = guest.translate(at);
        if (!physical) throw vm::MachineFault("the kernel's IDT is not mapped, and stepping needs it");
        const auto piece = std::min<std::size_t>(size - done, vm::page_size - vm::offset_in_page(at));
        pieces_.push_back(guest.memory().subspan(number(*physical), piece));
        done += piece;
    }
}

void GuestTable::write(std::span<const std::byte> bytes) {
    for (const auto& piece : pieces_) {
        std::ranges::copy(bytes.first(piece.size()), piece.begin());
        bytes = bytes.subspan(piece.size());
    }
}

void KernelStepper::find_gates() {
    const auto& table = guest_.cpu().sregs().idt;
    const auto gate_size = vm::gate_size(guest_.cpu().sregs());
    // The limit is the last byte of the last gate.
    const auto gates = std::min<std::size_t>((table.limit + 1U) / gate_size, GATECRASH_VECTORS);
    const auto size = gates * gate_size;
    idt_in_memory_.find(guest_, Virtual{table.base}, size);
    idt_.resize(size);
    if (guest_.read(Virtual{table.base}, idt_) != size) throw vm::MachineFault("the kernel's IDT cannot be read");
    catching_idt_ = idt_;
    for (std::size_t vector = 0; vector < gates; ++vector) {
        const auto gate = std::span(catching_idt_).subspan(vector * gate_size, gate_size);
        const auto decoded = vm::decode_gate(gate);
        if (!decoded.delivers) continue;
        handlers_.at(vector) = decoded.target;
        vm::set_target(gate, Virtual{number(facts_.catchers) + vector});
    }
}

KernelStepper::Step KernelStepper::step() {
    auto& cpu = guest_.cpu();
    auto instruction = next_instruction();
    auto* const recorder = guest_.recorder();
    if (recorder != nullptr) recorder->execute(guest_.rip());
    if (instruction && vm::opens_shadow(*instruction)) {
        const Virtual next{number(guest_.rip()) + instruction->length};
        instruction = guest_.instruction_at(next);
        if (recorder != nullptr) recorder->execute(next);
    }
    const auto kind = instruction ? kind_of(*instruction) : vm::Kind::other;
    const auto msrs = guest_.msrs();
    (void)cpu.debug_registers();
    const auto new_flag = loaded_flag(kind);
    const bool traps = flag_;
    if (kind == vm::Kind::syscall) {
        auto passing = msrs;
        passing.fmask &= ~vm::rflags_tf;
        guest_.set_msrs(passing);
    }
    if (kind == vm::Kind::sysret) set_r11_flag(true);

    Step step;
    {
        vm::HiddenNmi hidden(cpu);
        // INT1 always enters a handler, so it ends in a catcher without TF. With KVM_GUESTDBG_SINGLESTEP, KVM on
        // Intel's CPUs reports its #DB instead of delivering it, with RIP at the INT1 (handle_exception_nmi() in
        // vmx.c).
        step = run_to_boundary(kind == vm::Kind::int1 ? 0 : KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
        if (step.delivered == GATECRASH_VECTOR_NMI) hidden.forget();
    }

    const bool executed = !step.delivered && !step.end;
    if (instruction && !instruction->changes_msrs && kind != vm::Kind::syscall) guest_.keep_msrs(msrs);
    if (instruction && !instruction->changes_debug_registers && !step.end) cpu.keep_debug_registers();
    if (kind == vm::Kind::syscall) {
        auto restored = guest_.msrs();
        restored.fmask = msrs.fmask;
        guest_.set_msrs(restored);
        if (executed) set_r11_flag(flag_);
        if (executed) flag_ = false;  // FMASK clears it
    }
    if (kind == vm::Kind::sysret) set_r11_flag(new_flag.value_or(false));
    if (executed && kind == vm::Kind::push_flags) set_flag_at(guest_.stack_pointer(), flag_);
    if (executed && new_flag) flag_ = *new_flag;
    if (executed && traps && kind != vm::Kind::syscall) raise_single_step();
    return step;
}

KernelStepper::Step KernelStepper::run_to_boundary(std::uint32_t debug) {
    auto& cpu = guest_.cpu();
    const auto start = cpu.regs();
    const auto has_moved = [&] {
        auto now = cpu.regs();
        now.rflags = start.rflags;
        return std::memcmp(&now, &start, sizeof now) != 0;
    };
    int interruptions = 0;
    for (int attempt = 0; attempt < max_attempts;) {
        kvm::Exit exit;
        {
            const Catching catching(idt_in_memory_, idt_, catching_idt_);
            cpu.set_guest_debug(debug);
            exit = guest_.run_once();
        }
        const auto stop = guest_.stop_of(exit);
        if (stop && std::holds_alternative<Caught>(*stop)) return deliver(std::get<Caught>(*stop).vector);
        if (std::holds_alternative<kvm::InterruptedExit>(exit)) {
            if (++interruptions == patience) return {StillRuns{}, {}};
            continue;
        }
        if (stop) return {stop, {}};
        if (std::holds_alternative<kvm::IoExit>(exit) || std::holds_alternative<kvm::MmioExit>(exit)) {
            guest_.complete_exit();
            return {};
        }
        ++attempt;
        // Bochs reports the step before the instruction executes if it first had to fill in a nested page.
        if (has_moved()) return {};
    }
    return {};  // traps that come again and again before one instruction: it leads back to itself
}

KernelStepper::Step KernelStepper::deliver(std::uint8_t vector) {
    auto regs = guest_.cpu().regs();
    regs.rip = number(handlers_.at(vector));
    guest_.cpu().set_regs(regs);
    set_flag_at(pushed_frame(guest_, vector).flags(), flag_);
    flag_ = false;
    return {{}, vector};
}

std::optional<Stop> KernelStepper::run_until_return(const Call& call, std::span<const Virtual> places) {
    auto& cpu = guest_.cpu();
    const Virtual catcher{number(facts_.catchers) + GATECRASH_VECTORS};
    std::vector<std::unique_ptr<OtherBytes>> changed;
    const auto word = std::as_bytes(std::span(&catcher, 1)).first(vm::pushed_word(cpu.sregs().cs));
    changed.push_back(std::make_unique<OtherBytes>(guest_, call.at, word));
    for (const auto place : places) changed.push_back(std::make_unique<OtherBytes>(guest_, place, out_of_stop));
    cpu.set_guest_debug(0);
    auto begin = std::chrono::steady_clock::now();
    for (int interruptions = 0; interruptions < max_interruptions;) {
        if (guest_.is_overdue(begin)) {
            begin = std::chrono::steady_clock::now();
            ++interruptions;
        }
        const auto exit = guest_.run_once();
        const auto* const io = std::get_if<kvm::IoExit>(&exit);
        if (io != nullptr && io->port == stop_port && guest_.rip() == catcher) {
            auto regs = cpu.regs();
            regs.rip = number(call.returns_to);
            cpu.set_regs(regs);
            return std::nullopt;
        }
        if (io != nullptr && io->port == stop_port && std::ranges::find(places, guest_.rip()) != places.end()) {
            guest_.complete_exit();  // or KVM would skip the instruction that stands there
            auto regs = cpu.regs();
            regs.rip -= out_of_stop.size();
            cpu.set_regs(regs);
            return std::nullopt;
        }
        auto stop = guest_.stop_of(exit);
        if (stop && !std::holds_alternative<StillRuns>(*stop)) return stop;
    }
    return StillRuns{};
}

std::optional<Stop> KernelStepper::run_to_delivery() {
    const auto begin = std::chrono::steady_clock::now();
    while (!guest_.is_overdue(begin)) {
        kvm::Exit exit;
        {
            const Catching catching(idt_in_memory_, idt_, catching_idt_);
            guest_.cpu().set_guest_debug(0);
            exit = guest_.run_once();
        }
        auto stop = guest_.stop_of(exit);
        if (stop && std::holds_alternative<Caught>(*stop)) {
            (void)deliver(std::get<Caught>(*stop).vector);
            return std::nullopt;
        }
        if (stop) return stop;
    }
    return StillRuns{};
}

vm::Kind KernelStepper::kind_of(const vm::Instruction& instruction) {
    const bool is_fast_call = instruction.kind == vm::Kind::syscall || instruction.kind == vm::Kind::sysret;
    return is_fast_call && !vm::is_long_mode(guest_.cpu().sregs()) ? vm::Kind::other : instruction.kind;
}

std::optional<bool> KernelStepper::loaded_flag(vm::Kind kind) {
    const auto& regs = guest_.cpu().regs();
    if (kind == vm::Kind::sysret) return (regs.r11 & vm::rflags_tf) != 0;
    if (kind != vm::Kind::pop_flags && kind != vm::Kind::iret) return std::nullopt;
    const auto word = vm::pushed_word(guest_.cpu().sregs().cs);
    const auto flags = guest_.word_at(Virtual{number(guest_.stack_pointer()) + (kind == vm::Kind::iret ? 2 * word : 0)},
                                      sizeof(std::uint16_t));
    return flags && (*flags & vm::rflags_tf) != 0;
}

void KernelStepper::raise_single_step() {
    auto& cpu = guest_.cpu();
    auto registers = cpu.debug_registers();
    registers.dr6 |= vm::dr6_bs;
    cpu.set_debug_registers(registers);
    auto events = cpu.events();
    events.exception.injected = 1;
    events.exception.nr = GATECRASH_VECTOR_DB;
    events.exception.has_error_code = 0;
    cpu.set_events(events);
}

void KernelStepper::set_flag_at(Virtual address, bool on) {
    // 16-bit code pushes no more than these bytes.
    std::uint16_t flags = 0;
    const auto bytes = std::as_writable_bytes(std::span(&flags, 1));
    if (guest_.read(address, bytes) != bytes.size()) return;
    constexpr std::uint16_t flag = vm::rflags_tf;
    flags = static_cast<std::uint16_t>(on ? flags | flag : flags & ~flag);
    guest_.write(address, bytes);
}

void KernelStepper::set_r11_flag(bool on) {
    auto regs = guest_.cpu().regs();
    regs.r11 = on ? regs.r11 | vm::rflags_tf : regs.r11 & ~vm::rflags_tf;
    guest_.cpu().set_regs(regs);
}

}  // namespace gatecrash::kernel
