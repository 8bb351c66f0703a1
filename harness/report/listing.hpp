// Makes what `gatecrash list` prints.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "suite/case.hpp"
#include "suite/selection.hpp"

namespace gatecrash::report {

using suite::Selection;

/// "holds", or "breaks I4: nmi on A or B; irq on C, then nmi on D".
[[nodiscard]] std::string describe(const suite::Expectation& expectation);

/// Lists variants for people. `selections` is grouped by case.
[[nodiscard]] std::string text_listing(std::span<const Selection> selections);
[[nodiscard]] std::string json_listing(const std::string& version, std::span<const Selection> selections);

}  // namespace gatecrash::report
