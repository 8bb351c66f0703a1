#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Thrown if a stepper cannot show truthfully what the guest does next. The guest is where the step would begin.
class CannotStep : public ImageError {
  public:
    using ImageError::ImageError;
};

/// The result of one step.
struct Step {
    /// Set if the guest stopped and cannot continue, or stopped at a doorbell, instead of reaching a further boundary.
    std::optional<Outcome> end;
    /// The vector of the event or exception that was delivered, if one was. Then the boundary is the handler's first
    /// instruction.
    std::optional<std::uint8_t> delivered;
};

/// Executes a guest one instruction at a time without leaving a trace in it. The stepped guest ends with the same
/// memory and registers as one that runs freely.
///
/// A step ends at the next boundary at which an instruction is about to execute. By then, events that are due there
/// have been delivered, and so has an exception of the instruction. STI, MOV SS and POP SS make one step with the next
/// instruction. In their shadow KVM delivers neither NMI nor interrupt (SDM volume 3, 6.8.3).
class Stepper {
  public:
    explicit Stepper(Guest& guest) : guest_(guest) {}
    virtual ~Stepper() = default;
    Stepper(const Stepper&) = delete;
    Stepper& operator=(const Stepper&) = delete;

    /// Prepares for steps. Call it before the first step, and after the guest was restored or ran freely.
    virtual void enter() = 0;
    /// Makes one step. Throws MachineFault.
    [[nodiscard]] Step step();
    /// Makes the guest able to run freely again. Call it after the last step.
    virtual void leave() = 0;

  protected:
    [[nodiscard]] Guest& guest() const { return guest_; }
    /// Delivers what is due or, if nothing is, executes one instruction.
    [[nodiscard]] virtual Step advance() = 0;

  private:
    Guest& guest_;
};

enum class StepperKind : std::uint8_t { trap_flag, stop_bytes };

/// Makes a stepper that uses KVM_SET_GUEST_DEBUG, that is RFLAGS.TF, and undoes each of its leaks into the guest.
[[nodiscard]] std::unique_ptr<Stepper> make_trap_flag_stepper(Guest& guest);
/// Makes a stepper that keeps only the instruction to execute in memory: every other text byte stops the guest.
[[nodiscard]] std::unique_ptr<Stepper> make_stop_byte_stepper(Guest& guest);
[[nodiscard]] std::unique_ptr<Stepper> make_stepper(StepperKind kind, Guest& guest);
/// Returns the stepper for a guest. It is `usual`, unless only stop bytes can follow the guest. They must if `image`
/// has 32 bits, sets RFLAGS.TF itself (symbol `sets_trap_flag`) or may use shadow stacks, or if a watchpoint is among
/// `events`.
[[nodiscard]] StepperKind stepper_for(const Image& image, std::span<const Event> events, StepperKind usual);

/// A decoded gate of an IDT (APM volume 2, 4.7.3 and 4.8.4; SDM volume 3, figures 6-2 and 6-8).
struct Gate {
    Virtual target{};
    std::uint16_t selector = 0;  ///< the target's code segment
    unsigned ist = 0;            ///< 0 means none; only 64-bit gates have one
    bool delivers = false;       ///< present, and an interrupt or trap gate
};
constexpr std::size_t max_gate_size = 16;
/// Returns the size of a gate in bytes: two words.
[[nodiscard]] inline std::size_t gate_size(const Image& image) { return 2 * image.word_size; }
[[nodiscard]] Gate decode_gate(std::span<const std::byte> bytes);
/// Lets a gate of 8 or 16 bytes lead to `target`, and changes nothing else of it.
void set_target(std::span<std::byte> gate, Virtual target);

}  // namespace gatecrash::vm
