#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/entry_path.hpp"
#include "bench/figure.hpp"
#include "kvm/system.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::bench {

/// What was measured, what could not be, and what may have disturbed it.
struct Measured {
    std::vector<Figure> figures;
    struct Skipped {
        std::string name, reason;
    };
    std::vector<Skipped> skipped{};
    std::vector<std::string> warnings{};  ///< a sentence each
};

/// Counts the instructions of each path by stepping through it once: those that execute or fault between leaving the
/// interrupted code and being back in it, the entering one included. Exact on every machine. They are stepped as
/// `asked`, and skipped if they cannot be; or else as `usual`, or as they can be (vm::stepper_for). Throws
/// kvm::Error, vm::MachineFault.
[[nodiscard]] Measured count_instructions(const kvm::System& system, std::span<const Composition> compositions,
                                          vm::StepperKind usual, std::optional<vm::StepperKind> asked = std::nullopt);

/// Measures each path in ticks of the time-stamp counter, read by the guest itself: round after round, in each round
/// all of them, so that what changes with time hits all. What the readings cost is subtracted. The thread stays on its
/// CPU meanwhile. What the harness lands comes by a VM entry, which a guest cannot time: INT n enters in its place,
/// through the same gate to the same stack, and the figure's note says so. A figure of which there are doubts()
/// (validity.hpp) is not valid. Throws as above.
[[nodiscard]] Measured measure_cycles(const kvm::System& system, std::span<const Composition> compositions,
                                      std::size_t rounds = usual_rounds);

}  // namespace gatecrash::bench
