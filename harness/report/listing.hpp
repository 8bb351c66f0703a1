// What `gatecrash list` prints.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "suite/case.hpp"

namespace gatecrash::report {

/// A variant and the case that it belongs to. Both outlive this, or belong to `owner`.
struct Selection {
    const suite::Case* of = nullptr;
    const suite::Variant* variant = nullptr;
    std::shared_ptr<const suite::Case> owner{};

    [[nodiscard]] std::string name() const { return of->name + (variant->name.empty() ? "" : "/" + variant->name); }
};

/// "holds", or "breaks I4: nmi on A or B; irq on C, then nmi on D".
[[nodiscard]] std::string describe(const suite::Expectation& expectation);

/// `selections` is grouped by case.
[[nodiscard]] std::string text_listing(std::span<const Selection> selections);
[[nodiscard]] std::string json_listing(const std::string& version, std::span<const Selection> selections);

}  // namespace gatecrash::report
