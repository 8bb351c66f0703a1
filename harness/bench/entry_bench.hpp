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

/// The figures that were measured, what could not be measured, and what may have disturbed the measuring.
struct Measured {
    std::vector<Figure> figures;
    struct Skipped {
        std::string name, reason;
    };
    std::vector<Skipped> skipped{};
    std::vector<std::string> warnings{};  ///< a sentence each
};

/// Counts the instructions of each path by stepping through it once. It counts those that execute or fault between
/// leaving the interrupted code and being back in it, including the one that enters. The count is exact on every
/// machine. With `asked`, it skips the paths that this stepper cannot step. Without it, it uses `usual` or, if that
/// cannot step a path, the stepper that can (vm::stepper_for). Throws kvm::Error, vm::MachineFault.
[[nodiscard]] Measured count_instructions(const kvm::System& system, std::span<const Composition> compositions,
                                          vm::StepperKind usual, std::optional<vm::StepperKind> asked = std::nullopt);

/// Measures each path in ticks of the time-stamp counter, which the guest itself reads. Each round measures all paths,
/// so that a change over time affects all of them. It subtracts the cost of the readings. The thread stays on its CPU
/// meanwhile. An event that the harness lands comes by a VM entry, which a guest cannot time. So INT n enters in its
/// place, through the same gate to the same stack, and the figure's note says so. A figure with doubts() (validity.hpp)
/// is not valid. Throws kvm::Error, vm::MachineFault.
[[nodiscard]] Measured measure_cycles(const kvm::System& system, std::span<const Composition> compositions,
                                      std::size_t rounds = usual_rounds);

}  // namespace gatecrash::bench
