#pragma once

#include <memory>
#include <string>

#include "suite/case.hpp"

namespace gatecrash::suite {

/// A variant and its case. Both outlive this, or belong to `owner`.
struct Selection {
    const Case* of = nullptr;
    const Variant* variant = nullptr;
    std::shared_ptr<const Case> owner{};

    [[nodiscard]] std::string name() const { return of->name + (variant->name.empty() ? "" : "/" + variant->name); }
};

}  // namespace gatecrash::suite
