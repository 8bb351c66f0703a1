#include <algorithm>
#include <vector>

#include "vm/stepping/stepper.hpp"
#include "vm/stepping/stop_bytes.hpp"

namespace gatecrash::vm {
namespace {

/// Fills text with stop bytes and puts back one instruction at a time, so the guest stops wherever control goes next.
/// The guest's flags are its own, so there is nothing to undo. But a guest cannot read constants between the
/// instructions while it is stepped; the runtime keeps them out of text.
class StopByteStepper : public Stepper {
  public:
    using Stepper::Stepper;

    void enter() override {
        if (filled_) return;
        read_handlers();
        const auto& segments = guest().image().segments;
        if (stops_.empty()) {
            for (const auto& segment : segments) stops_.push_back(stop_bytes_for(guest(), segment));
        }
        for (std::size_t i = 0; i < segments.size(); ++i) write(segments[i].address, stops_[i]);
        filled_ = true;
    }

    void leave() override {
        if (!filled_) return;
        for (const auto& segment : guest().image().segments) {
            if (!segment.executable) continue;
            write(segment.address, guest().free_text_of(segment));
        }
        filled_ = false;
    }

  protected:
    Step advance() override {
        auto& cpu = guest().cpu();
        const Before before{guest().rip(),
                            guest().stack_pointer(),
                            cpu.regs(),
                            cpu.sregs(),
                            cpu.events(),
                            guest().has_latched_irq(),
                            guest().delivery_due(),
                            guest().next_instruction()};
        const auto length = before.only_delivery || !before.instruction ? 0 : length_of_step(before);
        // If the guest has set TF itself, a repetition ends on the stop byte of its #DB handler.
        if (length != 0 && (before.regs.rflags & rflags_tf) == 0) {
            if (before.instruction->kind == Kind::branch_to_self) return step_in_place(before, length);
            if (before.instruction->kind == Kind::repeated_string) {
                if (const auto round = step_round(before, length)) return *round;
            }
        }
        show(before.rip, length);
        const auto stop = run_to_stop(length != 0 && can_go_to_itself(before.instruction->kind));
        hide(before.rip, length);

        if (stop.outcome && std::holds_alternative<StillRunning>(*stop.outcome)) return step_in_place(before, length);
        if (stop.outcome) return {stop.outcome, {}};
        drop_trap_of_stop_byte();
        // An event leads to where the guest already is if that is the first instruction of the event's own handler.
        if (stop.at == before.rip && before.only_delivery && guest().delivery_due()) {
            throw MachineFault("an event that is due was not delivered\n" + guest().dump());
        }
        auto regs = cpu.regs();
        if (stop.at == before.rip && before.instruction && before.instruction->kind == Kind::halt) {
            regs.rip = number(stop.at) + before.instruction->length;
            cpu.set_regs(regs);
            return {Halted{}, {}};
        }
        regs.rip = number(stop.at);
        cpu.set_regs(regs);
        return {{}, delivered_vector(before, stop.at)};
    }

  private:
    struct Before {
        Virtual rip, stack_pointer;
        kvm_regs regs;
        kvm_sregs sregs;
        kvm_vcpu_events events;
        bool irq_latched;
        bool only_delivery;
        std::optional<Instruction> instruction;
    };
    struct Stop {
        std::optional<Outcome> outcome;
        Virtual at{};
    };

    /// True if `port` is the one that an OUT uses as a stop byte. It takes the byte after it as its port.
    static bool is_stop(std::uint16_t port) {
        return port == std::to_integer<unsigned>(out_byte) || port == std::to_integer<unsigned>(halt_byte);
    }

    static bool can_go_to_itself(Kind kind) {
        return kind == Kind::iret || kind == Kind::branch_to_self || kind == Kind::repeated_string;
    }

    void read_handlers() {
        const auto idt = guest().guest_idt();
        const auto size = gate_size(guest().image());
        std::vector<std::byte> gates((std::size_t{idt.limit} + 1) / size * size);
        handlers_.clear();
        handlers_of_ = idt;
        // No delivery gets through an IDT that is not mapped, so there are no handlers.
        if (!guest().memory().read(Virtual{idt.base}, gates)) return;
        for (std::size_t at = 0; at < gates.size(); at += size) {
            handlers_.push_back(decode_gate(std::span(gates).subspan(at, size)).target);
        }
    }

    void write(Virtual address, std::span<const std::byte> bytes) {
        if (!guest().memory().write(address, bytes)) throw MachineFault("text is not mapped\n" + guest().dump());
    }

    void show(Virtual address, std::size_t length) {
        const auto text = guest().text_at(address);
        if (length != 0) write(address, std::span(text).first(length));
    }

    void hide(Virtual address, std::size_t length) {
        if (length == 0) return;
        const auto& segments = guest().image().segments;
        const auto* segment = guest().image().segment_at(address);
        const std::span<const std::byte> stops = stops_.at(static_cast<std::size_t>(segment - segments.data()));
        write(address, stops.subspan(number(address) - number(segment->address), length));
    }

    /// Returns the number of bytes to show. An instruction that opens a shadow is shown together with the next one.
    std::size_t length_of_step(const Before& before) const {
        std::size_t length = before.instruction->length;
        if (opens_shadow(*before.instruction)) {
            const Virtual next{number(before.rip) + length};
            const auto second = decode(guest().text_at(next), next, code_size(before.sregs.cs));
            if (second) length += second->length;
        }
        const auto* segment = guest().image().segment_at(before.rip);
        const auto end = number(segment->address) + segment->size;
        return std::min({length, Instruction::max_length, end - number(before.rip)});
    }

    Stop run_to_stop(bool may_go_to_itself) {
        for (int patience = 40;;) {
            const auto exit = guest().run_once();
            if (std::holds_alternative<kvm::HltExit>(exit)) return {{}, Virtual{guest().cpu().regs().rip - 1}};
            const auto outcome = guest().outcome_of(exit);
            if (!outcome) continue;
            // On a busy host the watchdog can fire before this process gets to run. Only an instruction that can go to
            // itself can really still be running.
            if (std::holds_alternative<StillRunning>(*outcome) && !may_go_to_itself && --patience > 0) continue;
            const auto* port = std::get_if<BadPort>(&*outcome);
            if (port != nullptr && is_stop(port->port)) {
                return {{}, Virtual{guest().cpu().regs().rip - out_length}};
            }
            return {outcome, {}};
        }
    }

    /// Drops the trap that KVM has waiting after a stop byte if the guest has set TF itself. The stop byte was no
    /// instruction of the guest's.
    void drop_trap_of_stop_byte() {
        if ((guest().cpu().regs().rflags & rflags_tf) == 0) return;
        auto events = guest().cpu().events();
        if (events.exception.injected == 0 || events.exception.nr != GATECRASH_VECTOR_DB) return;
        events.exception.injected = 0;
        guest().cpu().set_events(events);
    }

    void go_back_to(const Before& before) {
        guest().set_sregs(before.sregs);
        guest().cpu().set_regs(before.regs);
        guest().cpu().set_events(before.events);
    }

    /// Runs the instruction with TF set, until its trap or until something else ends it.
    kvm::Exit run_to_trap(const Before& before, std::size_t length) {
        show(before.rip, length);
        guest().cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
        auto exit = guest().run_once();
        guest().cpu().set_guest_debug(0);
        hide(before.rip, length);
        return exit;
    }

    /// Steps one repetition of a string instruction with REP. There is a boundary after each repetition, but a stop
    /// byte comes only after the last. Returns empty, with nothing done, if a repetition does not end by its trap: the
    /// frame of a fault would show TF.
    std::optional<Step> step_round(const Before& before, std::size_t length) {
        constexpr int max_attempts = 40;  // retries for a busy host, or for a trap before the instruction (Bochs)
        for (int i = 0; i < max_attempts; ++i) {
            const auto exit = run_to_trap(before, length);
            const auto* debug = std::get_if<kvm::DebugExit>(&exit);
            const bool trapped = debug != nullptr;
            if (!trapped && !std::holds_alternative<kvm::InterruptedExit>(exit)) break;
            const auto& now = guest().cpu().regs();
            if (trapped && (guest().rip() != before.rip || now.rcx != before.regs.rcx)) {
                guest().give_back_breakpoint(*debug);
                return Step{};
            }
        }
        go_back_to(before);
        return std::nullopt;
    }

    /// Steps one round of an instruction that goes to itself for ever and never reaches a stop byte. It is a JMP, or an
    /// IRET through a frame that leads to it. Such instructions neither show nor change TF, so a trap ends the round.
    Step step_in_place(const Before& before, std::size_t length) {
        constexpr int max_attempts = 20;  // retries for a busy host
        go_back_to(before);
        auto exit = run_to_trap(before, length);
        for (int i = 1; i < max_attempts && std::holds_alternative<kvm::InterruptedExit>(exit); ++i) {
            go_back_to(before);
            exit = run_to_trap(before, length);
        }
        // The CPU cannot execute the instruction and does not report it. Page tables outside of memory do that.
        if (std::holds_alternative<kvm::InterruptedExit>(exit)) return {StillRunning{}, {}};
        if (const auto outcome = guest().outcome_of(exit)) return {outcome, {}};
        const auto* debug = std::get_if<kvm::DebugExit>(&exit);
        if (debug == nullptr) {
            throw MachineFault("an instruction that jumps to itself ended with " + kvm::describe(exit) + "\n" +
                               guest().dump());
        }
        // If the delivery of a #DB meets a watchpoint, it causes the next #DB (CVE-2015-8104).
        if (length == 0 && guest().meets_breakpoint(*debug)) return {StillRunning{}, {}};
        guest().give_back_breakpoint(*debug);
        return {};
    }

    /// Returns the vector that was delivered, if one was. KVM does not report a delivery. RIP shows it: it is at a
    /// handler's first instruction, and the executed instruction does not lead there.
    std::optional<std::uint8_t> delivered_vector(const Before& before, Virtual now) {
        const auto idt = guest().guest_idt();
        if (idt.base != handlers_of_.base || idt.limit != handlers_of_.limit) read_handlers();
        const auto handler = std::find(handlers_.begin(), handlers_.end(), now);
        if (handler == handlers_.end()) return std::nullopt;
        const bool latched_event_gone = (before.irq_latched && !guest().has_latched_irq()) ||
                                        (before.events.nmi.pending != 0 && guest().cpu().events().nmi.pending == 0);
        if (!before.only_delivery && !latched_event_gone && before.instruction && leads_to(before, now))
            return std::nullopt;
        return static_cast<std::uint8_t>(handler - handlers_.begin());
    }

    bool leads_to(const Before& before, Virtual now) {
        const auto& instruction = *before.instruction;
        std::uint64_t popped = 0;  // the address that RET or IRET pops
        (void)guest().memory().read(before.stack_pointer,
                                    std::as_writable_bytes(std::span(&popped, 1)).first(guest().image().word_size));
        return number(now) == number(before.rip) + instruction.length || instruction.target == now ||
               popped == number(now) || (instruction.kind == Kind::sysret && before.regs.rcx == number(now));
    }

    std::vector<std::vector<std::byte>> stops_;  ///< one entry for each segment
    std::vector<Virtual> handlers_;
    kvm_dtable handlers_of_{};
    bool filled_ = false;
};

}  // namespace

std::unique_ptr<Stepper> make_stop_byte_stepper(Guest& guest) { return std::make_unique<StopByteStepper>(guest); }

}  // namespace gatecrash::vm
