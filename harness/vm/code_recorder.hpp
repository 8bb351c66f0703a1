#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kvm/exit.hpp"
#include "vm/boot/image.hpp"
#include "vm/code_set.hpp"

namespace gatecrash::vm {

class Guest;

/// Finds out which instructions of the protected code a guest executes. Each costs one exit, the first time.
///
/// It hides the code from the guest: all of it is stop bytes, until control comes to an instruction. The guest stops
/// there, and that instruction is shown for ever. Such a stop can change the run: a stop byte ends shadows, and meets
/// breakpoints and traps of its own. So a run that met new code counts for nothing, and must begin again. It shows the
/// code that is executed by then. Runs that meet nothing new have no exit, and cost nothing.
///
/// Exits of the protected code (ProtectedCode::exits) stay hidden from free runs, so that none passes unnoticed.
class CodeRecorder {
  public:
    /// `guest` outlives this. Code in writable memory is neither hidden nor recorded: the guest may change it. Hides
    /// nothing yet.
    explicit CodeRecorder(Guest& guest);

    /// Hides all code that has not been executed.
    void hide();
    /// Shows all code.
    void show();
    /// Hides the exits of the protected code again, which steps have shown.
    void hide_exits();

    /// The meaning of an exit of a free run.
    enum class Meeting : std::uint8_t {
        nothing,  ///< it is not about hidden code
        passed,   ///< the run met new code, and can continue
        stopped,  ///< the run stopped before an instruction: it is new, or an exit of the protected code
    };
    [[nodiscard]] Meeting meet(const kvm::Exit& exit);
    /// Shows and records the instruction that a step is about to execute.
    void before_step();

    /// True if a free run has met new code since the last call.
    [[nodiscard]] bool take_met_new() { return std::exchange(met_new_, false); }
    /// True if a free run has stopped before an exit of the protected code since the last call.
    [[nodiscard]] bool take_at_exit() { return std::exchange(is_at_exit_, false); }
    /// Returns what was executed since the last call, for the first time.
    [[nodiscard]] CodeSet take_executed() { return std::exchange(executed_, {}); }
    /// Returns the bytes of `segment` as the guest has them in a free run.
    [[nodiscard]] std::vector<std::byte> text_of(const Segment& segment) const;

  private:
    /// A part of the protected code that is in one segment.
    struct Part {
        Virtual begin{};
        std::vector<std::byte> stops;   ///< what hides it
        std::vector<bool> is_executed;  ///< for each byte

        [[nodiscard]] bool contains(Virtual where) const {
            return where >= begin && number(where) - number(begin) < stops.size();
        }
        [[nodiscard]] std::size_t offset_of(Virtual where) const { return number(where) - number(begin); }
    };

    [[nodiscard]] Part* part_of(Virtual address);
    [[nodiscard]] bool is_hidden(Virtual address);
    [[nodiscard]] std::vector<std::byte> visible(const Part& part) const;
    void execute(Virtual address, std::size_t length);
    [[nodiscard]] std::size_t length_at(Virtual address) const;
    [[nodiscard]] bool is_exact() const;
    void write(Virtual address, std::span<const std::byte> bytes);

    Guest& guest_;
    std::vector<Part> parts_;
    CodeSet executed_;
    bool hides_ = false, met_new_ = false, is_at_exit_ = false;
};

}  // namespace gatecrash::vm
