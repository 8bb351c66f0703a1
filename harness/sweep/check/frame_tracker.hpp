#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/check/kept_state.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// The words that an IRET pops, lowest address first. In legacy mode, RSP and SS are in memory only if the privilege
/// level changes; otherwise `rsp` is the end of the frame. Only the lower half of a selector counts.
struct ReturnFrame {
    std::uint64_t rip, cs, rflags, rsp, ss;
    bool operator==(const ReturnFrame&) const = default;

    /// True if the frame returns to CPL 3. That includes virtual-8086 mode, where CS does not show the privilege level.
    [[nodiscard]] bool is_to_user() const { return (cs & 3) == 3 || is_to_vm86(); }
    [[nodiscard]] bool is_to_vm86() const { return (rflags & vm::rflags_vm) != 0; }
};

/// Returns the frame that the delivery of `vector` has just pushed. Empty if its memory is not mapped.
[[nodiscard]] std::optional<ReturnFrame> pushed_frame(vm::Guest& guest, std::uint8_t vector);

/// Returns the error code that the delivery of `vector` has just pushed. Empty if it pushed none.
[[nodiscard]] std::optional<std::uint64_t> pushed_error_code(vm::Guest& guest, std::uint8_t vector);

/// Follows the return frames of a stepped run. It sees what happens between the handler bodies and the CPU, which the
/// bodies cannot see. Each frame that the CPU pushes is the way back to one interrupted context. Entry code may move
/// that frame, use it later, or first return through a frame that it made itself. The tracker reports I4 if
///
/// - an IRET uses a frame that an IRET has used before: then another frame, which the old one overwrote, is lost;
/// - an IRET pops where the CPU pushed a frame that something newer has overwritten since;
/// - an IRET pops what no CPU pushes: CS of one privilege level with SS or RIP of another;
/// - a handler writes to the live part of the stack that it interrupted. That is all of it above the interrupted RSP,
///   or, if the handler shares that stack, what the interrupted handler has pushed there.
///
/// A handler need not return through its frame. It may continue the interrupted context itself (POPF and RET keep NMIs
/// masked). It may also take that context's place and return through an outer frame. Then the frame is given up, and
/// its part of the stack is no longer live.
class FrameTracker {
  public:
    explicit FrameTracker(const vm::Image& image) : image_(image) {}

    /// Prepares for a step. If it is an IRET, notes which frame it pops.
    void before(vm::Guest& guest);
    /// Checks the step that before() prepared for.
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);
    /// Checks the IRET that is about to execute, if the stepper cannot make its step.
    [[nodiscard]] std::optional<Violation> check_return() { return pop_ ? pop() : std::nullopt; }
    /// Returns the state of the context that the latest step returned to, as it was when that context was interrupted.
    /// Null unless the step was an IRET through the frame that the CPU pushed then.
    [[nodiscard]] const KeptState* returned_to() const { return returned_to_ ? &*returned_to_ : nullptr; }

  private:
    struct Delivery {
        std::uint8_t vector;
        std::uint64_t address, end;  ///< bounds of the frame
        ReturnFrame frame;
        KeptState context;
        /// The live part of the interrupted stack, from the interrupted RSP up.
        std::vector<std::byte> live;
        bool used = false;
        bool given_up = false;         ///< the interrupted context went on, or ended, without an IRET through the frame
        bool redirected = false;       ///< its own handler changed it, before anything newer came
        std::string overwritten_by{};  ///< newer code that overwrote the frame; empty: none did
        std::string damage{};          ///< message about what overwrote the live part; empty: nothing did

        /// True while the interrupted context waits for an IRET through the frame.
        [[nodiscard]] bool is_live() const { return !used && !given_up; }
    };
    struct Pop {
        std::uint64_t iret, address;
        ReturnFrame frame;
        bool faulted = false;
    };

    void push(vm::Guest& guest, std::uint8_t vector);
    [[nodiscard]] Delivery* find_delivery(const ReturnFrame& frame, std::uint64_t address, bool used);
    [[nodiscard]] std::uint64_t end_of_live_part(const Delivery& delivery) const;
    [[nodiscard]] std::optional<Violation> pop();
    [[nodiscard]] std::optional<Violation> check_live_stacks(vm::Guest& guest);
    void note_overwritten(vm::Guest& guest);
    void note_given_up(vm::Guest& guest);
    [[nodiscard]] bool is_given_up(vm::Guest& guest, const Delivery& delivery) const;
    [[nodiscard]] const abi::Stack* stack_at(std::uint64_t rsp) const;
    [[nodiscard]] std::string name(std::uint64_t address) const;
    [[nodiscard]] std::string lost_frames() const;

    const vm::Image& image_;
    std::vector<Delivery> deliveries_;
    std::optional<Pop> pop_;  ///< what the IRET that is about to execute pops
    std::optional<KeptState> returned_to_;
    std::string actor_;  ///< names the current step in messages
};

}  // namespace gatecrash::sweep
