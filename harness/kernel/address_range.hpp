#pragma once

#include "gatecrash/address.hpp"

namespace gatecrash::kernel {

/// The addresses from `begin` up to, but not including, `end`.
struct AddressRange {
    vm::Virtual begin{}, end{};

    [[nodiscard]] bool contains(vm::Virtual address) const { return address >= begin && address < end; }
    bool operator==(const AddressRange&) const = default;
};

}  // namespace gatecrash::kernel
