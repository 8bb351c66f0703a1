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

/// What an IRET pops, lowest address first. In legacy mode RSP and SS are in memory only if the privilege level
/// changes; else RSP is where the frame ends. Of selectors it is the lower half that counts.
struct ReturnFrame {
    std::uint64_t rip, cs, rflags, rsp, ss;
    bool operator==(const ReturnFrame&) const = default;

    /// To CPL 3, be it in virtual-8086 mode, where CS says nothing.
    [[nodiscard]] bool is_to_user() const { return (cs & 3) == 3 || is_to_vm86(); }
    [[nodiscard]] bool is_to_vm86() const { return (rflags & vm::rflags_vm) != 0; }
};

/// The frame that the delivery of `vector` has just pushed. Empty if its memory is not mapped.
[[nodiscard]] std::optional<ReturnFrame> pushed_frame(vm::Guest& guest, std::uint8_t vector);

/// Returns the error code that the delivery of `vector` has just pushed. Empty if it pushed none.
[[nodiscard]] std::optional<std::uint64_t> pushed_error_code(vm::Guest& guest, std::uint8_t vector);

/// Follows the return frames of a stepped run, which shows what handler bodies cannot see: what happens between them
/// and the CPU. Each frame that the CPU pushes is the way back to one interrupted context. Entry code may move it, put
/// it off, or return through one of its own making first; but I4 is broken when
///
/// - an IRET goes through a frame that was returned through before: another one, which it overwrote, is lost;
/// - an IRET pops where the CPU pushed a frame that something newer has written over since;
/// - an IRET pops what no CPU pushes: CS of one privilege level with SS or RIP of another;
/// - a handler writes into the live part of the stack that it interrupted: all of it above the interrupted RSP, or if
///   the handler shares that stack, what the interrupted handler has pushed there.
///
/// A handler need not return through its frame. It may continue the interrupted context itself (POPF and RET keep NMIs
/// masked), or take that context's place and return through an outer frame. Then the stack is no longer live for the
/// frame that was given up.
class FrameTracker {
  public:
    explicit FrameTracker(const vm::Image& image) : image_(image) {}

    /// In front of a step.
    void before(vm::Guest& guest);
    /// Behind it.
    [[nodiscard]] std::optional<Violation> after(vm::Guest& guest, const vm::Step& step);
    /// Checks the IRET that is about to execute, for a step that begins and cannot be made.
    [[nodiscard]] std::optional<Violation> check_return() { return pop_ ? pop() : std::nullopt; }
    /// Returns what the context had when it was interrupted to which the latest step returned, by an IRET through the
    /// frame that the CPU pushed then; null if the step was no such IRET.
    [[nodiscard]] const KeptState* returned_to() const { return returned_to_ ? &*returned_to_ : nullptr; }

  private:
    struct Delivery {
        std::uint8_t vector;
        std::uint64_t address, end;  ///< of the frame
        ReturnFrame frame;
        KeptState context;
        /// The live part of the interrupted stack, from the interrupted RSP up.
        std::vector<std::byte> live;
        bool used = false;
        bool given_up = false;         ///< the interrupted context went on, or ended, without an IRET through the frame
        bool redirected = false;       ///< changed by its own handler, before anything newer came
        std::string overwritten_by{};  ///< empty: by nothing newer
        std::string damage{};          ///< what overwrote the live part, for a message; empty: nothing

        /// The interrupted context waits for an IRET through the frame.
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
    std::optional<Pop> pop_;  ///< by the IRET about to execute
    std::optional<KeptState> returned_to_;
    std::string actor_;  ///< what the current step is, for messages
};

}  // namespace gatecrash::sweep
